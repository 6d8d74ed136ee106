"""`deepcli sweep worker` and `deepcli sweep status`."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deepcli.cli.answers import answers, emit
from deepcli.cli.options import DataDir, Json, Offline, Plugins, Quiet, Storage, Watch, reporter, sources

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deepcli.sweeps.outcome import Outcome
    from deepcli.sweeps.ranking import RankedTrial

SHOWN = 10
"""How many trials of a ranking are printed; `trials.csv` has all of them."""

Folder = Annotated[Path, typer.Argument(metavar="SWEEP", help="A sweep's directory.", show_default=False)]


def worker(
    path: Annotated[
        Path | None,
        typer.Argument(metavar="SWEEP", help="A sweep's directory; or give --study.", show_default=False),
    ] = None,
    study: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="A sweep whose directory this machine does not see, by its name in the PostgreSQL database --storage.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="With --study, the directory for this machine's runs; default: sweeps/NAME."
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, help="Number of processes; default: as many as fit on this machine, which share its threads."
        ),
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads per process.")] = None,
    storage: Storage = None,
    plugins: Plugins = None,
    data_dir: DataDir = None,
    offline: Offline = False,
    quiet: Quiet = False,
    attached: Annotated[bool, typer.Option("--attached", hidden=True)] = False,
) -> None:
    """Train trials of a sweep from another shell, or from another machine.

    The machine needs access to the sweep's directory, or to its PostgreSQL database
    (--storage, --study). `sweep run` and `sweep status` print the command.

    Example:
    deepcli sweep worker sweeps/digits-mlp
    """
    from deepcli.api.sweep_workers import WorkersRequest, run_workers

    request = WorkersRequest(path, workers, threads, storage, tuple(plugins or ()), attached, study, output)
    run_workers(request, partial(sources, data_dir, offline, quiet), reporter(quiet).note)


@answers("deepcli.sweeps.outcome:Outcome")
def status(
    path: Folder, watch: Watch = False, storage: Storage = None, plugins: Plugins = None, json: Json = False
) -> None:
    """Show a sweep's progress and its best trials.

    With --watch, the command ends when the sweep has ended.

    Example:
    deepcli sweep status sweeps/digits-mlp
    """
    if watch:
        _watch(path, storage, plugins or [], json)
        return
    from deepcli.api.sweep import read_sweep

    found = read_sweep(path, storage, plugins or [])
    show(found.outcome, found.rows, json)


def _watch(path: Path, storage: str | None, plugins: Sequence[str], json: bool) -> None:
    """Show the sweep until it has ended, or until Ctrl-C."""
    from deepcli.api.sweep_watching import watched_sweep
    from deepcli.cli.following import follow
    from deepcli.cli.sweep.sweep_watch import TrialsView

    with watched_sweep(path, storage, plugins) as sweep:
        follow(sweep.look, TrialsView(json, SHOWN), json)


def show(outcome: Outcome, rows: Sequence[RankedTrial], json: bool) -> None:
    """Print a sweep's outcome: its JSON object, or a ranking for a person."""
    from deepcli.cli import render

    if json:
        emit(outcome)
        return
    render.ranking(outcome, rows[:SHOWN])
    if len(rows) > SHOWN:
        print(f"and {len(rows) - SHOWN} more in {outcome.sweep}/trials.csv", file=sys.stderr)
