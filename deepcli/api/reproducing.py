"""`deepcli.reproduce`: the same run anew, compared to the bit."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from deepcli.api.comparing_anew import compare_anew
from deepcli.api.data_sources import data_sources
from deepcli.api.loading import plugin_names
from deepcli.api.progress import make_reporter
from deepcli.api.reproduce_request import ReproduceRequest
from deepcli.api.reproduction import Reproduction
from deepcli.api.slow_work import download_progress, reach_of
from deepcli.api.training import read_data
from deepcli.api.training_anew import train_anew
from deepcli.errors import DataError, RunError, UsageError
from deepcli.system.reach import reaching
from deepcli.system.signals import Signals

if TYPE_CHECKING:
    from deepcli.api.loading import PluginFiles
    from deepcli.api.run import Run
    from deepcli.data.arrays.splits import Splits
    from deepcli.data.files import Sources
    from deepcli.run.reporter import Reporter
    from deepcli.run.reproducible import Reproducible


def reproduce(
    run: str | os.PathLike[str] | Run,
    *changes: str,
    output: str | os.PathLike[str] | None = None,
    keep: bool = False,
    epochs: int | None = None,
    device: str | None = None,
    progress: bool = True,
    plugins: PluginFiles = (),
    data_dir: str | os.PathLike[str] | None = None,
    offline: bool | None = None,
) -> Reproduction:
    """Train a run anew and compare it to the bit: weights, optimizer, history, figures and predictions.

    This is `deepcli reproduce`. The new run has the threads, device, precision and compilation of the old one, and ends where
    it ended, also if the clock ended it. If it differs, the answer says what else differs, and whether the difference is
    within the spread of other seeds or of the test examples.

    Args:
        run: A run that has completed; `latest` is the run in `runs` that began last.
        changes: Where its data are now, like `data.path=NEW`.
        output: The directory of the new run; default: one beside the run, which is removed if the runs are equal.
        keep: Whether the new run stays in any case.
        epochs: How many epochs to train; only their history is compared. Default: all.
        device: Where to compute: `auto`, `cpu`, `gpu` or `gpu:N`; default: where the run was trained.
        progress: Whether to show notices and progress.
        plugins: The plugins of the run, Python files or modules. They are imported, which runs their code.
        data_dir: A folder with data files; default: `DEEPCLI_DATA_DIR`.
        offline: Whether downloads are forbidden; default: `DEEPCLI_OFFLINE`.

    Raises:
        RunError: The path is not a run, the run has not completed or is of a newer version, a plugin has changed, or the
            output exists.
        UsageError: A plugin is not given, or another argument is wrong.
        DataError: The data are gone or have changed.
        CheckpointError: A checkpoint is damaged.
        DeviceError: The device is not available, or TensorFlow already runs with another number of threads.
        TrainingError: The new run failed; its directory is kept.
        Interrupted: An interrupt or SIGTERM stopped it; nothing is kept.
    """
    from deepcli.api.run import Run
    from deepcli.run.latest import run_path

    request = ReproduceRequest(
        run.path if isinstance(run, Run) else run_path(Path(run)),
        changes,
        None if output is None else Path(output),
        keep,
        epochs,
        device,
        plugin_names(plugins),
        started=time.monotonic(),
        kill=False,
    )
    at = partial(data_sources, data_dir, offline, download_progress if progress else None)
    with reaching(reach_of(offline, progress)):
        return run_reproduction(request, at, make_reporter(quiet=not progress))


def run_reproduction(request: ReproduceRequest, at: Callable[[], Sources], reporter: Reporter) -> Reproduction:
    """Check the run, read its data, train it anew, and compare.

    Args:
        request: What to train anew.
        at: Returns where data are looked for.
        reporter: Shows notices and progress.

    Raises:
        DeepcliError: As `reproduce` says.
    """
    from deepcli.experiment.other_data import demand_data_words
    from deepcli.run.reproducible import reproducible
    from deepcli.spec.plugins import import_plugins

    signals = Signals(kill=request.kill)
    with signals.noted(), contextlib.ExitStack() as stack:
        stack.callback(reporter.end)
        reporter.doing("reading the run")
        demand_data_words(request.words)
        _demand_output(request)
        import_plugins(request.plugins)
        old = reproducible(request.run, request.words, request.plugins, request.device)
        epochs = _epochs(request.epochs, old)
        for line in _notices(old):
            reporter.note(f"notice: {line}")
        sources = at()
        splits = _own_data(old, sources, reporter)
        new = train_anew(request, old, epochs, splits, sources, signals, reporter)
        return compare_anew(request, old, new, epochs, reporter)


def _demand_output(request: ReproduceRequest) -> None:
    from deepcli.run.directory import is_free

    if request.output is not None and not is_free(request.output):
        raise RunError(f"--output: {request.output} exists; choose another directory")


def _epochs(wanted: int | None, old: Reproducible) -> int | None:
    """Return how many epochs to train, None for all."""
    trained = old.result.epochs or 0
    if wanted is None:
        return None
    if not 1 <= wanted <= trained:
        raise UsageError(f"--epochs: should be from 1 to {trained}, the epochs of {old.loaded.name}, not {wanted}")
    return None if wanted == trained else wanted


def _notices(old: Reproducible) -> list[str]:
    training, found = old.loaded.experiment.training, []
    if training.trackers:
        found.append("the trackers of the run are left out, as this is not another experiment")
    if old.result.ended == "callback" and not training.callbacks:
        found.append(
            "a callback of a Python program ended the run; it is ended at the same step, without that callback"
        )
    return found


def _own_data(old: Reproducible, sources: Sources, reporter: Reporter) -> Splits:
    """Read the data of a run, and check that they are those that it was trained on.

    Raises:
        DataError: They are gone or have changed.
    """
    from deepcli.run.own_data import TrainedOn

    try:
        splits = read_data(old.experiment, sources, reporter)
    except DataError as error:
        hint = f"{old.loaded.name} was trained on these data; if they have moved, add data.path=NEW after the run"
        raise DataError(f"{error}\n{hint}") from error.__cause__
    trained = TrainedOn.of(None, old.loaded.run)
    if not trained.demand(splits.provenance, "restore the data; if they have moved, add data.path=NEW after the run"):
        reporter.note(f"notice: {trained.told(splits.provenance)}")
    return splits
