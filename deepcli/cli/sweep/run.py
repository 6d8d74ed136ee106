"""`deepcli sweep run`: hyperparameter search over any field of a spec, on one machine or several."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from deepcli.cli.answers import answers
from deepcli.cli.options import DataDir, Json, Offline, Overrides, Plugins, Quiet, Storage, Words, reporter, sources
from deepcli.cli.sweep.plan import collect, plan, trial
from deepcli.cli.sweep.status import conclude, status, worker
from deepcli.cli.unused_options import refuse
from deepcli.errors import Interrupted
from deepcli.system.signals import Signals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deepcli.sweeps.plan import Plan
    from deepcli.sweeps.study.study import Study
    from deepcli.sweeps.workers.launcher import LocalWorkers

SECONDS_BETWEEN_LOOKS = 0.25

app = typer.Typer(
    help="Hyperparameter search over any field of a spec: on one machine, on several, or under your own scheduler.",
    no_args_is_help=True,
)


@app.command()
@answers("deepcli.sweeps.outcome:Outcome")
def run(
    context: typer.Context,
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
        typer.Option(metavar="NAME", help="The metric to optimize; default: the one that decides the best epoch."),
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
    storage: Storage = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan without training.")] = False,
    plugins: Plugins = None,
    data_dir: DataDir = None,
    offline: Offline = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a spec at many points, rank them on the validation split, and evaluate the best once on the test split.

    key=log:1e-4:1e-1, uniform:0:0.5, int:1:4, int_log:8:256 and key=[1, 2] define
    what varies, as does the spec's section `sweep`. Every point of a grid is
    validated before anything is trained. Run the same command again to continue
    an interrupted sweep, or with a larger --max-trials to extend it.
    """
    started = time.monotonic()
    from deepcli.sweeps.load import load_sweep

    options = {
        "method": method,
        "metric": metric,
        "max_trials": max_trials,
        "max_time": float(max_time) if max_time and max_time.replace(".", "", 1).isdigit() else max_time,
        "max_failures": max_failures,
        "seeds": seeds,
        "seed": seed,
    }
    planned, show = load_sweep(words, overrides or [], plugins or [], options), reporter(quiet)
    if planned.method == "grid":
        refuse(context, "on a grid, which samples nothing", "--seed")
    for notice in planned.notices:
        show.note(f"notice: {notice}")
    if dry_run:
        from deepcli.cli.sweep.plan import describe

        describe(planned, json)
        return
    # The workers load the data again; here, downloads are shown, and a failure leaves no sweep behind.
    planned.experiment({}).data.load(sources(data_dir, offline, quiet))

    from deepcli.sweeps.directory import default_path
    from deepcli.sweeps.start import open_study, start_sweep
    from deepcli.sweeps.workers.launcher import LocalWorkers

    folder, known = start_sweep(output or default_path(planned.experiment({}).name), planned, storage)
    show.note(f"{'continuing' if known else 'starting'} {folder.path}: {summary(planned)}")
    signals = Signals()
    with signals.deferred(show.note):
        local = LocalWorkers(
            folder, _words(workers, plugins, data_dir, offline), {"DEEPCLI_STORAGE": storage} if storage else {}
        )
        try:
            study = open_study(folder, storage)
            interrupted = _watch(study, local, signals, quiet)
        finally:
            local.end()
    conclude(study, time.monotonic() - started, json, interrupted)


def summary(planned: Plan) -> str:
    """Describe a sweep in one line."""
    seeds = f" with {len(planned.seeds)} seeds each" if len(planned.seeds) > 1 else ""
    goal = "maximizing" if planned.metric.goal == "maximize" else "minimizing"
    return f"{planned.max_trials} trials{seeds}, {planned.method}, {goal} {planned.metric.name}"


def _words(workers: int | None, plugins: Sequence[str] | None, data_dir: Path | None, offline: bool) -> list[str]:
    words = ["--workers", str(workers)] if workers else []
    words += [word for plugin in plugins or [] for word in ("--plugin", plugin)]
    words += ["--data-dir", str(data_dir)] if data_dir else []
    return [*words, "--offline"] if offline else words


def _watch(study: Study, local: LocalWorkers, signals: Signals, quiet: bool) -> Interrupted | None:
    """Show the sweep until its workers end or a signal stops them; return the error that a signal causes."""
    from deepcli.cli.sweep.view import make_view
    from deepcli.sweeps.ranking import ranking
    from deepcli.sweeps.study import plots  # a slow import, done while the workers start

    drawn, metric = False, study.plan.metric.name
    view = make_view(study.plan, study.size, quiet)
    try:
        while local.at_work() and signals.stop is None:
            view.show(ranking(study))
            if study.done and not drawn:  # while a worker evaluates the best trial
                drawn = True
                plots.draw(study.optuna, metric, study.folder.path)
            time.sleep(SECONDS_BETWEEN_LOOKS)
        if signals.stop is not None:
            local.end()
        view.show(ranking(study))
    finally:
        view.end()
    if not drawn:
        plots.draw(study.optuna, metric, study.folder.path)
    if signals.stop is None:
        return None
    return Interrupted(f"interrupted; run the same command again to continue {study.folder.path}", signals.stop)


app.command()(plan)
app.command()(trial)
app.command()(collect)
app.command()(worker)
app.command()(status)
