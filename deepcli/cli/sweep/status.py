"""`deepcli sweep worker` and `deepcli sweep status`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from deepcli.cli.answers import answers, emit
from deepcli.cli.options import DataDir, Json, Offline, Plugins, Quiet, Storage, reporter, sources
from deepcli.errors import DeepcliError, TrainingError
from deepcli.system.signals import Signals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deepcli.sweeps.outcome import Outcome
    from deepcli.sweeps.ranking import RankedTrial
    from deepcli.sweeps.study.study import Study

SHOWN = 10
"""How many trials of a ranking are printed; `trials.csv` has all of them."""

Folder = Annotated[Path, typer.Argument(metavar="SWEEP", help="A sweep's directory.", show_default=False)]


def worker(
    path: Folder,
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
    """Train trials of a sweep from another shell, or from another machine with access to its directory."""
    from deepcli.sweeps.directory import SweepDir
    from deepcli.sweeps.start import open_study

    folder, signals, show = SweepDir.open(path), Signals(), reporter(quiet)
    with signals.deferred(show.note):
        study = open_study(folder, storage, plugins or [])
        study.close()  # a connection must not be shared with the workers
        plan, at_data = study.plan, sources(data_dir, offline, quiet)
        base = plan.experiment({})
        splits = base.data.load(at_data)  # so that missing data does not count as a failed trial

        from deepcli.sweeps.workers.pool import WorkerConfig, WorkerPool, default_workers
        from deepcli.system.cores import cores
        from deepcli.system.tensorflow_startup import import_tensorflow

        import_tensorflow()  # its memory counts when the number of workers is chosen
        count = min(workers or default_workers(), plan.max_trials)
        if threads is None and base.training.threads == "auto":
            threads = max(cores() // count, 1)
        until = time.monotonic() + plan.sweep.max_time if plan.sweep.max_time else None
        show.note(f"{count} worker{'s' * (count > 1)} on {path}" + (f", {threads} threads each" if threads else ""))
        config = WorkerConfig(folder.path, storage, tuple(plugins or ()), at_data, (base, splits), threads, until)
        WorkerPool(count, config).work(signals, attached)


@answers("deepcli.sweeps.outcome:Outcome")
def status(path: Folder, storage: Storage = None, plugins: Plugins = None, json: Json = False) -> None:
    """Show a sweep's progress and its best trials."""
    started = time.monotonic()
    from deepcli.sweeps.directory import SweepDir
    from deepcli.sweeps.start import open_study

    study = open_study(SweepDir.open(path), storage, plugins or [])
    outcome, rows = describe(study, "sweep status", study.done, time.monotonic() - started)
    show(outcome, rows, json)


def describe(
    study: Study,
    command: Literal["sweep run", "sweep status"],
    ended: bool,
    seconds: float,
    error: DeepcliError | None = None,
) -> tuple[Outcome, list[RankedTrial]]:
    """Return a sweep's outcome and the ranking of its trials.

    Args:
        study: The sweep.
        command: The command whose outcome it is.
        ended: Whether nothing is left to do.
        seconds: Wall time of the command.
        error: The error that ended it, if any.
    """
    from deepcli.run.directory import RunDir
    from deepcli.sweeps.outcome import NONE_COMPLETED, Outcome, counts, winner
    from deepcli.sweeps.ranking import metrics_on_test, ranking
    from deepcli.sweeps.study.importances import importances

    rows = ranking(study)
    numbers = counts(rows)
    best = winner(rows, list(map(str, study.winners)), metrics_on_test(list(map(RunDir, study.winners))))
    wrong = f"{numbers['failed']} trials failed; the limit is {study.plan.max_failures}" if study.given_up else None
    wrong = wrong or (None if best else NONE_COMPLETED)
    weighed = importances(study.optuna)
    outcome = Outcome(
        schema=1,
        command=command,
        status="interrupted" if error else "unfinished" if not ended else "failed" if wrong else "completed",
        sweep=str(study.folder.path),
        metric=study.plan.metric.name,
        goal=study.plan.metric.goal,
        planned=study.size,
        **numbers,
        best=best,
        importances=weighed.shares,
        importances_note=weighed.note,
        seconds=round(seconds, 3),
        error=str(error) if error else wrong if ended else None,
    )
    return outcome, rows


def conclude(study: Study, seconds: float, json: bool, error: DeepcliError | None) -> None:
    """Write and print a sweep's outcome.

    Raises:
        DeepcliError: The error that ended it.
        TrainingError: Too many trials failed, or none completed.
    """
    from deepcli.sweeps.ranking import write
    from deepcli.system.atomic import write_text

    write(study)
    outcome, rows = describe(study, "sweep run", error is None, seconds, error)
    write_text(study.folder.outcome, outcome.to_json() + "\n")
    show(outcome, rows, json)
    if error is not None:
        raise error
    if outcome.error is not None:
        raise TrainingError(outcome.error)


def show(outcome: Outcome, rows: Sequence[RankedTrial], json: bool) -> None:
    """Print a sweep's outcome: its JSON object, or a ranking for a person."""
    from deepcli.cli import render

    if json:
        emit(outcome)
        return
    render.ranking(outcome, rows[:SHOWN])
    if len(rows) > SHOWN:
        print(f"and {len(rows) - SHOWN} more in {outcome.sweep}/trials.csv", file=sys.stderr)
