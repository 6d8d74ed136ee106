"""Train a run anew, with what it had, to the step where it ended."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from deepcli.errors import Interrupted, TrainingError

if TYPE_CHECKING:
    from deepcli.api.reproduce_request import ReproduceRequest
    from deepcli.data.arrays.splits import Splits
    from deepcli.data.files import Sources
    from deepcli.experiment.schema import Experiment
    from deepcli.run.directory import RunDir
    from deepcli.run.reporter import Reporter
    from deepcli.run.reproducible import Reproducible
    from deepcli.system.signals import Signals
    from deepcli.training.context import TrainOptions

SUFFIX = "-reproduced"


def train_anew(
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
    from deepcli.system.backend_startup import import_backend

    import_backend(old.experiment.training.backend, doing=reporter.doing)
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
