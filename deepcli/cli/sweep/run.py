"""`deepcli sweep run`: hyperparameter search over any field of a spec, on one machine or several."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from deepcli.cli.answers import answers
from deepcli.cli.completion import metrics
from deepcli.cli.options import (
    DataDir,
    Env,
    Json,
    Offline,
    Overrides,
    Plugins,
    Quiet,
    Storage,
    Words,
    reporter,
    sources,
)
from deepcli.cli.sweep.dashboard import dashboard
from deepcli.cli.sweep.manifest_command import manifest
from deepcli.cli.sweep.plan import collect, describe, plan, trial
from deepcli.cli.sweep.status import show, status, worker

app = typer.Typer(
    help="Hyperparameter search over any field of a spec: on one machine, on several, or under your own scheduler.",
    no_args_is_help=True,
)


@app.command()
@answers("deepcli.sweeps.outcome:Outcome")
def run(
    words: Words,
    overrides: Overrides = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The sweep's directory; default: sweeps/NAME, with the spec's name."),
    ] = None,
    method: Annotated[
        Literal["grid", "random", "bayes"] | None,
        typer.Option(help="How points are chosen; default: grid if every parameter is a list, else bayes."),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The metric to optimize; default: the one that decides the best epoch.",
            autocompletion=metrics,
        ),
    ] = None,
    max_trials: Annotated[int | None, typer.Option(metavar="N", help="Number of points to try.")] = None,
    max_time: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Stop starting trials after this time: seconds, or like 90m or 2h."),
    ] = None,
    max_failures: Annotated[
        int | None, typer.Option(metavar="N", help="Stop the sweep after more than N failed trials.")
    ] = None,
    seeds: Annotated[int | None, typer.Option(metavar="N", help="Train each point with N seeds.")] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Seed for sampling points.")] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, help="Number of processes; default: as many as fit on this machine, which share its threads."
        ),
    ] = None,
    on: Annotated[
        str,
        typer.Option(
            metavar="ENGINE", help="Where workers run: local, ray, ray://HOST:PORT, slurm, or none to start none."
        ),
    ] = "local",
    ray: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="What each worker on Ray needs: cpus, gpus, memory, resource.NAME, label.NAME; can be repeated.",
        ),
    ] = None,
    slurm: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="An option of SLURM's sbatch, such as mem=8G; can be repeated."),
    ] = None,
    limit: Annotated[
        str | None,
        typer.Option(
            "--time", metavar="TIME", help="Time limit of a SLURM job, which is then queued again; default: 1h."
        ),
    ] = None,
    partition: Annotated[str | None, typer.Option(metavar="NAME", help="The partition of SLURM.")] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Submit the SLURM jobs and do not wait for them.")] = False,
    storage: Storage = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Print the plan, or with --on slurm the script of the jobs, without training."),
    ] = False,
    plugins: Plugins = None,
    env: Env = None,
    data_dir: DataDir = None,
    offline: Offline = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a spec at many points, rank them on the validation split, and evaluate the best once on the test split.

    key=log:1e-4:1e-1, uniform:0:0.5, int:1:4, int_log:8:256 and key=1,2 define
    what varies, as does the spec's section `sweep`. Every point of a grid is
    validated before anything is trained. Run the same command again to continue
    an interrupted sweep, or with a larger --max-trials to extend it.

    Example:
    deepcli sweep run digits-mlp.yaml optimizer.learning_rate=log:1e-4:1e-1
    """
    started = time.monotonic()
    from deepcli.api.sweep_engine import job_script
    from deepcli.api.sweeping import SweepRequest, load_plan, run_sweep
    from deepcli.sweeps.engines.engine_settings import engine_settings

    request = SweepRequest(
        tuple(words),
        overrides=tuple(overrides or ()),
        options={
            "method": method,
            "metric": metric,
            "max_trials": max_trials,
            "max_time": max_time,
            "max_failures": max_failures,
            "seeds": seeds,
            "seed": seed,
        },
        plugins=tuple(plugins or ()),
        output=output,
        workers=workers,
        storage=storage,
        started=started,
        engine=engine_settings(on, ray or (), slurm or (), limit, partition, detach),
    )
    report = reporter(quiet)
    planned = load_plan(request, report)
    at = partial(sources, data_dir, offline, quiet)
    if dry_run:
        from deepcli.sweeps.one_backend import demand_one_backend

        demand_one_backend(planned)
        describe(planned, json, job_script(request, planned, at))
        return
    ended = run_sweep(request, planned, at, report, quiet)
    show(ended.outcome, ended.rows, json)
    if ended.problem is not None:
        raise ended.problem


app.command()(plan)
app.command()(trial)
app.command()(collect)
app.command()(worker)
app.command()(status)
app.command()(dashboard)
app.command()(manifest)
