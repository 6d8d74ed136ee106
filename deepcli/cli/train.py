"""`deepcli train`."""

from __future__ import annotations

import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from deepcli.cli import answers
from deepcli.cli.options import (
    DataDir,
    DeviceName,
    Env,
    Json,
    Offline,
    OptionalWords,
    Overrides,
    Plugins,
    Quiet,
    Verbose,
    reporter,
    run_named,
    set_verbose,
    sources,
)
from deepcli.cli.seed_tables import Surroundings, train_seeds
from deepcli.cli.unused_options import refuse
from deepcli.errors import UsageError

if TYPE_CHECKING:
    from deepcli.system.rendezvous import ProcessPlace


@answers.answers("deepcli.result:Result")
def train(
    context: typer.Context,
    words: OptionalWords = None,
    overrides: Overrides = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The run directory; default: a new one in runs/.")
    ] = None,
    if_exists: Annotated[
        Literal["error", "resume", "skip", "overwrite"], typer.Option(help="What to do if the run already exists.")
    ] = "error",
    resume: Annotated[
        Path | None,
        typer.Option(
            callback=run_named,
            metavar="RUN",
            help="Resume a run from its last checkpoint. CONFIG can be omitted: the run has its own.",
        ),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="Choose training.epochs that fit into this time, such as 10m, and end the run in it."
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Take a few steps, show what the run would cost, and write nothing."),
    ] = False,
    seeds: Annotated[
        str | None,
        typer.Option(
            metavar="N|K,K...",
            help="Train N seeds, counted from the spec's, or these seeds: in DIR/seed-K, in parallel where there is room.",
        ),
    ] = None,
    distributed: Annotated[
        bool,
        typer.Option(
            "--distributed", help="Train with the processes that SLURM, Open MPI, Kubernetes or a TPU started, on JAX."
        ),
    ] = False,
    coordinator: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Train with other processes: the address where process 0 listens."),
    ] = None,
    processes: Annotated[
        int | None, typer.Option(metavar="N", help="With --coordinator: the number of processes.")
    ] = None,
    process: Annotated[
        int | None, typer.Option(metavar="I", help="With --coordinator: which of them this is, counted from 0.")
    ] = None,
    plugins: Plugins = None,
    env: Env = None,
    device: DeviceName = None,
    data_dir: DataDir = None,
    offline: Offline = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Train the model that a spec describes, and evaluate its best weights once on the test split.

    SIGINT and SIGTERM stop a run after the current step, with a checkpoint; SIGUSR1 writes one without stopping.

    Examples:
    deepcli train digits-cnn.yaml training.epochs=3 -o runs/first
    deepcli train houses.csv data.target=price
    """
    started = time.monotonic()
    set_verbose(verbose)
    if resume is not None and if_exists != "resume":
        refuse(context, "with --resume, which continues that run", "--if-exists")
    if resume is None and output is None:
        refuse(context, "without --output, when each run gets a new directory", "--if-exists")
    _refuse_combinations(resume, seeds, dry_run, budget)
    place = _place(distributed, coordinator, processes, process, seeds, dry_run)
    shown = reporter(quiet or not _shows(place))
    shown.doing("starting")  # what is imported next takes a moment
    from deepcli.api.train_request import TrainRequest
    from deepcli.api.training import run_training
    from deepcli.cli import cost_output, render
    from deepcli.spec.durations import option_seconds

    changes = [*(overrides or []), *([f"training.device={device}"] if device else [])]
    request = TrainRequest(
        tuple(words or ()),
        tuple(changes),
        output,
        if_exists,
        resume,
        tuple(plugins or ()),
        command=tuple(sys.argv[1:]),
        started=started,
        budget=option_seconds("--budget", budget),
        place=place,
    )
    if seeds is not None:
        train_seeds(request, seeds, Surroundings(data_dir, offline, json, quiet))
        return
    at = partial(sources, data_dir, offline, quiet)
    if dry_run:
        cost_output.show_cost("train", request, at, shown, json)
        return
    result = run_training(request, at, shown)
    if _shows(place):
        render.result(result, json)
    if result.status != "completed":
        raise typer.Exit(1)


def _shows(place: ProcessPlace | None) -> bool:
    """Return whether this process shows the run."""
    return place is None or place.index == 0


def _place(
    distributed: bool,
    coordinator: str | None,
    processes: int | None,
    process: int | None,
    seeds: str | None,
    dry_run: bool,
) -> ProcessPlace | None:
    """Return the place of this process; only the one that shows the run prints a JSON object, even if it fails.

    Raises:
        UsageError: The options do not fit together.
    """
    from deepcli.api.distributed import requested_place

    place = requested_place(distributed, coordinator, processes, process)
    if place is not None and (seeds is not None or dry_run):
        raise UsageError(f"{'--seeds' if seeds is not None else '--dry-run'}: is for one process; leave out the others")
    answers.leave_out(not _shows(place))
    return place


def _refuse_combinations(resume: Path | None, seeds: str | None, dry_run: bool, budget: str | None) -> None:
    """Refuse options that are for one run where there are several.

    Raises:
        UsageError: Two do not fit together.
    """
    if resume is not None and seeds is not None:
        raise UsageError("--resume continues one run; with --seeds, use --output DIR --if-exists resume")
    if seeds is not None and (dry_run or budget is not None):
        raise UsageError("--seeds: leave out --dry-run and --budget, which are for one run")
