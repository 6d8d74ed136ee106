"""`deepcli.reproduce`: the same run anew, compared to the bit."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from deepcli.api.data_sources import data_sources
from deepcli.api.loading import plugin_names
from deepcli.api.progress import make_reporter
from deepcli.api.reproduction import Reproduction
from deepcli.api.slow_work import download_progress, reach_of
from deepcli.api.training import read_data
from deepcli.errors import DataError, Interrupted, RunError, TrainingError, UsageError
from deepcli.system.reach import reaching
from deepcli.system.signals import Signals

if TYPE_CHECKING:
    from deepcli.api.loading import PluginFiles
    from deepcli.api.run import Run
    from deepcli.data.arrays.splits import Splits
    from deepcli.data.files import Sources
    from deepcli.evaluation.expected_spread import ExpectedSpread
    from deepcli.experiment.schema import Experiment
    from deepcli.run.directory import RunDir
    from deepcli.run.loaded import LoadedRun
    from deepcli.run.reporter import Reporter
    from deepcli.run.reproducible import Reproducible
    from deepcli.training.context import TrainOptions

SUFFIX = "-reproduced"


@dataclass(frozen=True)
class ReproduceRequest:
    """What to train anew.

    Attributes:
        run: The run.
        words: Where its data are now, like `data.path=NEW`.
        output: The directory of the new run, which stays; None: one beside the run, removed if the runs are equal.
        keep: Whether the directory stays in any case.
        epochs: How many epochs to train and compare; None: all.
        device: The device; None: that of the run.
        plugins: Python files or modules to import first.
        command: The command line, for the record.
        started: `time.monotonic()` when the call began.
        kill: Whether a second SIGINT may end the process while a step is running.
    """

    run: Path
    words: tuple[str, ...] = ()
    output: Path | None = None
    keep: bool = False
    epochs: int | None = None
    device: str | None = None
    plugins: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    started: float = 0.0
    kill: bool = True


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
        new = _trained(request, old, epochs, splits, sources, signals, reporter)
        return _compared(request, old, new, epochs, reporter)


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


def _trained(
    request: ReproduceRequest,
    old: Reproducible,
    epochs: int | None,
    splits: Splits,
    sources: Sources,
    signals: Signals,
    reporter: Reporter,
) -> RunDir:
    """Train the run anew; where that fails, the directory stays, and where it is interrupted, it does not."""
    from deepcli.run.directory import RunDir
    from deepcli.system.tensorflow_startup import import_tensorflow

    reporter.doing("importing TensorFlow")
    import_tensorflow()
    from deepcli.training.train import train

    output = request.output or _beside(old.loaded.run.path)
    try:
        options = _options(request, old, epochs, output, sources, signals)
        result = train(_with_threads(old, reporter), splits, options, reporter)
    except Interrupted as error:
        if error.run is not None:
            shutil.rmtree(error.run, ignore_errors=True)
        raise Interrupted("interrupted; the new run was removed", error.exit_code - 128) from None
    except TrainingError as error:
        failed = TrainingError(f"the new run {error.run or output} failed, unlike {old.loaded.name}: {error}")
        failed.run = error.run
        raise failed from error
    return RunDir(Path(str(result.run)))


def _with_threads(old: Reproducible, reporter: Reporter) -> Experiment:
    """Return the spec to train, with the threads that TensorFlow has if it already runs in this process."""
    from deepcli.errors import DeviceError
    from deepcli.training.device import choose

    training = old.experiment.training
    if training.threads == old.loaded.experiment.training.threads:
        return old.experiment
    try:
        choose(training)
    except DeviceError:
        reporter.note(
            f"notice: {old.loaded.name} was trained with {training.threads} threads, but TensorFlow already runs with another "
            "number in this process; a new process can have them"
        )
        training = training.model_copy(update={"threads": "auto"})
    return old.experiment.model_copy(update={"training": training})


def _beside(run: Path) -> Path:
    path = run if run.name and run.name != ".." else run.resolve()
    return path.with_name(f"{path.name}{SUFFIX}")


def _options(
    request: ReproduceRequest,
    old: Reproducible,
    epochs: int | None,
    output: Path,
    sources: Sources,
    signals: Signals,
) -> TrainOptions:
    from deepcli.run.varied import recorded_origins
    from deepcli.training.context import TrainOptions
    from deepcli.training.planned_end import PlannedEnd

    end = PlannedEnd(*old.end) if old.end else None
    return TrainOptions(
        output,
        command=request.command,
        plugins=request.plugins,
        started=request.started,
        signals=signals,
        test=old.tested and epochs is None,
        numbered=request.output is None,
        sources=sources,
        origins=dict(recorded_origins(old.loaded.environment) or {}),
        end=end if epochs is None else PlannedEnd(epochs),
    )


def _compared(
    request: ReproduceRequest, old: Reproducible, new: RunDir, epochs: int | None, reporter: Reporter
) -> Reproduction:
    from deepcli.run.bit_comparison import compare_bits, compare_first_epochs
    from deepcli.run.environment_changes import environment_changes

    reporter.doing("comparing")
    run = old.loaded
    found = compare_bits(run.run, new) if epochs is None else compare_first_epochs(run.run, new, epochs)
    changes = environment_changes(run.environment, new.described(), run.experiment.training.deterministic)
    spread = None if found.equal or epochs is not None else _spread(run, new)
    removed = found.equal and request.output is None and not request.keep
    if removed:
        shutil.rmtree(new.path, ignore_errors=True)
    seconds = round(time.monotonic() - request.started, 3)
    return Reproduction(run.name, None if removed else new.path, epochs, found, tuple(changes), spread, seconds)


def _spread(old: LoadedRun, new: RunDir) -> ExpectedSpread | None:
    """Find out whether the difference is expected: from other seeds beside the run, else from the test examples."""
    from deepcli.evaluation.expected_spread import spread_over_examples, spread_over_seeds
    from deepcli.evaluation.predictions_file import load_predictions
    from deepcli.run.sibling_seeds import score_on_test, scores_by_seed

    score = old.experiment.resolved_task.headline
    then, now = score_on_test(old.run, score), score_on_test(new, score)
    if then is None or now is None:
        return None
    seeds = spread_over_seeds(score, then, now, scores_by_seed(old, score, new.path))
    if seeds is not None:
        return seeds
    try:
        return spread_over_examples(score, then, now, old.predictions(), load_predictions(new.predictions("test")))
    except (DataError, RunError):
        return None
