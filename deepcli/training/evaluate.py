"""Evaluate a model on a split: during training, and from a checkpoint."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from deepcli.data.arrays.splits import Split, Tokens
from deepcli.data.lexicon import Lexicon
from deepcli.data.schema import Column
from deepcli.evaluation.predictions_base import AnyPredictions
from deepcli.evaluation.scores import Scored, take
from deepcli.evaluation.sequence_predictions import SequencePredictions
from deepcli.experiment.schema import Experiment
from deepcli.result import Result
from deepcli.run.checkpoint.file import STATE, CheckpointFile
from deepcli.run.directory import RunDir
from deepcli.run.reporter import Reporter
from deepcli.system.atomic import replacing
from deepcli.system.signals import heed
from deepcli.training.backend import Backend, Check, Kept, make_backend
from deepcli.training.build import build_loss, build_metrics, build_model, forget_models
from deepcli.training.device import Device, choose
from deepcli.training.memory_check import to_load
from deepcli.training.saving import load_weights
from deepcli.training.state import State

BATCH_SIZE = 256


@dataclass(frozen=True)
class Measured:
    """A model's outputs on a split together with its targets, and the metrics computed from them.

    `explained` adds to the worst predictions what needs the model, such as its attention.
    """

    metrics: Mapping[str, float]
    predictions: AnyPredictions
    split: Split
    columns: Sequence[Column] = ()
    explained: Callable[[Any], Any] = lambda worst: worst


class Evaluator:
    """Computes loss and metrics over a whole split at once, so that they do not depend on the batch size.

    The loss covers the predictions only. Regularization penalties are left out, so that runs with different penalties
    can be compared.

    Args:
        experiment: The spec with the loss and the metrics.
        backend: Computes the predictions.
        batch_size: Examples per batch.
    """

    def __init__(self, experiment: Experiment, backend: Backend, batch_size: int = BATCH_SIZE) -> None:
        self._experiment, self._batch_size = experiment, batch_size
        self._loss = build_loss(experiment)
        self._metrics = build_metrics(experiment)
        self._backend = backend
        self._task, self._signature = experiment.resolved_task, experiment.signature
        self._kept = self._task.kept_with(experiment.resolved_loss, self._signature)

    def __call__(self, model: keras.Model, split: Split, check: Check = heed) -> Measured:
        """Evaluate a model on a split; `check` is called after each batch and may raise."""
        if self._kept is not None:
            return self._measured_by_parts(model, split, self._kept, check)
        outputs = self._outputs(model, split, check)
        targets = np.asarray(split.y)  # they take no more memory than outputs
        values = {"loss": number(self._loss(targets, outputs))}
        for metric in self._metrics:
            metric.reset_state()
            metric.update_state(targets, outputs)
            values[metric.name] = number(metric.result())
        predictions = self._task.predicted(self._signature, split, outputs, model)
        return Measured(values, predictions, split, self._signature.columns)

    def _outputs(self, model: keras.Model, split: Split, check: Check) -> np.ndarray:
        """Predict a split; windows of series are gathered batch by batch, as all of them take many times the memory."""
        if split.series is not None:
            return self._backend.keep(model, split, self._batch_size, outputs_alone, check)
        return self._backend.predict(model, split.x, self._batch_size, check)

    def _measured_by_parts(self, model: keras.Model, split: Split, kept: Kept, check: Check) -> Measured:
        """Evaluate a model whose outputs are too large to be kept; its metrics are scores of what is kept."""
        found = self._backend.keep(model, split, self._batch_size, kept, check)
        predictions = self._task.predicted(self._signature, split, found, model)
        names = [metric.name for metric in self._metrics]
        values = {name: number(value) for name, value in self._task.measured(predictions, names).items()}
        return Measured(values, predictions, split, self._signature.columns)

    def examine(self, model: keras.Model, measured: Measured, check: Check = heed) -> Measured:
        """Add to what was measured what only an evaluation needs, and not each epoch."""

        def predict(part: keras.Model, x: np.ndarray) -> np.ndarray:
            return self._backend.predict(part, x, self._batch_size)

        found = self._task.examined(measured.predictions, self._signature, measured.split, model, predict)
        return self._written(model, replace(measured, predictions=found), check)

    def _written(self, model: keras.Model, measured: Measured, check: Check) -> Measured:
        """Add the targets that a model of pairs writes by itself, and what it looks at while it does."""
        predictions, experiment = measured.predictions, self._experiment
        if not isinstance(predictions, SequencePredictions):
            return measured
        from deepcli.training.translating import with_attention, with_translations

        written = with_translations(predictions, measured.split, model, experiment, self._backend, check)
        return replace(measured, predictions=written, explained=lambda worst: with_attention(worst, model, experiment))

    def tune(self, model: keras.Model, measured: Measured) -> None:
        """Set the weights of a model that are chosen on the validation split."""
        self._task.tune(model, measured.predictions)


def outputs_alone(targets: Any, outputs: Any) -> Any:
    """Keep the outputs as they are."""
    return outputs


@dataclass(frozen=True)
class LoadedModel:
    """A checkpoint's model, ready to predict.

    Attributes:
        experiment: The checkpoint's spec.
        state: The checkpoint's state.
        device: The device that the model is on.
        model: The model, not compiled.
        backend: Computes predictions.
    """

    experiment: Experiment
    state: State
    device: Device
    model: keras.Model
    backend: Backend

    def measure(self, split: Split, batch_size: int = BATCH_SIZE) -> Measured:
        """Predict a split in batches and compute the loss and metrics of the spec."""
        return Evaluator(self.experiment, self.backend, batch_size)(self.model, split)

    def examine(self, measured: Measured, batch_size: int = BATCH_SIZE) -> Measured:
        """Add to what was measured what only an evaluation needs."""
        return Evaluator(self.experiment, self.backend, batch_size).examine(self.model, measured)


def load_model(checkpoint: CheckpointFile) -> LoadedModel:
    """Build a checkpoint's model, in the precision that it was trained in.

    Raises:
        CheckpointError: The checkpoint is damaged.
        DeviceError: The device is not available.
    """
    experiment = checkpoint.experiment
    state = State.from_bytes(checkpoint.read(STATE))
    # A model predicts on any backend; what it was trained on is a preference.
    chosen = choose(experiment.training.model_copy(update={"backend": "auto"}))
    backend = make_backend(chosen)
    forget_models()
    with backend.scope():
        model = build_model(experiment, state.precision, lambda: to_load(checkpoint, chosen.is_gpu))
        load_weights(model, checkpoint)
    return LoadedModel(experiment, state, chosen, model, backend)


def evaluate(
    checkpoint: CheckpointFile,
    split: Split,
    split_name: str,
    reporter: Reporter,
    started: float,
    batch_size: int = BATCH_SIZE,
    loaded: LoadedModel | None = None,
) -> tuple[Result, Measured]:
    """Evaluate a checkpoint on a split.

    Args:
        checkpoint: The checkpoint; its spec names the device.
        split: The split to evaluate on.
        split_name: The split's name in the result.
        reporter: Shows the device.
        started: `time.monotonic()` at the start of the command.
        batch_size: Examples per batch.
        loaded: The checkpoint's model, if it is already loaded.

    Raises:
        CheckpointError: The checkpoint is damaged.
        DeviceError: The device is not available.
    """
    loaded = loaded or load_model(checkpoint)
    experiment, state, chosen = loaded.experiment, loaded.state, loaded.device
    reporter.note(f"device: {chosen.choice}; precision: {state.precision} (as trained)")
    measured = loaded.examine(loaded.measure(split, batch_size), batch_size)
    scored = score(measured.predictions, experiment, reporter)
    own = dict(measured.metrics)
    result = Result(
        schema=1,
        command="evaluate",
        status="completed",
        name=experiment.name,
        checkpoint=str(checkpoint.path),
        epochs=state.position.epoch,
        best_epoch=state.best.get("epoch"),
        seconds=round(time.monotonic() - started, 3),
        device=chosen.choice.value,
        precision=state.precision,
        metrics={split_name: own | scored.values | own},  # metrics of the spec come first and keep their values
        **scored_parts(split_name, scored),
    )
    return result, measured


def scored_parts(split_name: str, scored: Scored) -> dict[str, Any]:
    """Return what a result has besides the metrics: intervals and tables, by split."""
    return {
        "intervals": {split_name: scored.intervals},
        "interval_notes": {split_name: scored.interval_notes},
        **{name: {split_name: table} for name, table in scored.tables.items()},
    }


def with_trivial(result: Result, experiment: Experiment, train: Split, split: Split) -> Result:
    """Add to a result the scores that need no inputs, if there is a training split to learn them from."""
    if not len(train) or not result.interval_notes:
        return result
    from deepcli.run.baseline_figures import best_trivial

    kept = {**(result.baselines or {}), "trivial": best_trivial(experiment, train.y, split)}
    return result.model_copy(update={"baselines": kept, "headline": experiment.resolved_task.headline})


def score(predictions: AnyPredictions, experiment: Experiment, reporter: Reporter) -> Scored:
    """Compute every score of the task; none if the outputs do not fit it, as may be with a plugin's loss."""
    if why := predictions.misfit:
        reporter.note(f"no scores: {why}")
        return Scored()
    return take(predictions, experiment.resolved_task.scored_as)


def number(value: Any) -> float:
    """Convert a float32 scalar to the shortest decimal number that rounds to the same float32."""
    return float(str(np.float32(value)))


def save_predictions(path: Path, predictions: AnyPredictions) -> None:
    """Write predictions to an `.npz` file."""
    with replacing(path) as temporary:
        predictions.save(temporary)


def keep(run: RunDir, name: str, measured: Measured, lexicon: Callable[[], Lexicon | None]) -> None:
    """Save the predictions for a split and the worst mistakes in the run directory.

    Raises:
        TrainingError: The files cannot be written.
    """
    predictions = measured.predictions
    save_predictions(run.predictions(name), predictions)
    if predictions.misfit is None:
        x = measured.split.x
        words = lexicon() if isinstance(x, Tokens) else None
        measured.explained(predictions.worst(x, words, measured.columns)).save(run.mistakes(name))
