"""A training session: one pass from the start or a checkpoint to the end, with its loop, callbacks and files."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np

from deepcli.data.arrays.splits import Splits
from deepcli.errors import CheckpointError, TrainingError
from deepcli.experiment.schema import Experiment
from deepcli.nn.inner_optimizer import inner_optimizer
from deepcli.optim.schedules import ReduceOnPlateau
from deepcli.result import Result, Rollback
from deepcli.run.checkpoint.file import STATE, CheckpointFile, open_checkpoint
from deepcli.run.directory import RunDir
from deepcli.run.reporter import Reporter
from deepcli.run.resuming import Resumption
from deepcli.system.atomic import write_text
from deepcli.system.signals import Signals, Stopped
from deepcli.training.averaging import averaged_weights
from deepcli.training.backend import Backend, Batches
from deepcli.training.build import build_compiled_metrics
from deepcli.training.callbacks import Best, History, PatientStopping, Periodic, Plateau, Report, Stateful
from deepcli.training.compiled import CompiledModels
from deepcli.training.divergence import Divergence, demand_finite_weights
from deepcli.training.evaluate import Evaluator, keep
from deepcli.training.loop import Loop
from deepcli.training.saving import load_training, load_weights, save
from deepcli.training.settings import RunSettings
from deepcli.training.snapshot import WeightSnapshot
from deepcli.training.state import Position, State, read_variables, write_variables
from deepcli.training.tracking import Tracking


@dataclass(frozen=True)
class TrainOptions:
    """What a run needs besides its spec.

    Attributes:
        output: Path of the run directory.
        replace: Whether an existing run may be replaced.
        numbered: Whether to append the next free number to the name if the path exists.
        command: The command line, to be recorded.
        plugins: The plugins imported for the run.
        started: `time.monotonic()` at the start of the command.
        resumption: The run at `output` to resume, owned by this process; None for a new run.
        signals: May request checkpoints, or to stop.
        test: Whether to evaluate the best weights on the test split at the end.
        seconds_between_saves: Minimum time between two checkpoints; until then the best weights are kept in memory. For
            short runs, which are cheap to repeat.
        callbacks: Additional callbacks, called in each epoch before its checkpoint is written.
        models: Compiled models of earlier runs in this process, to reuse; None builds one for this run only.
    """

    output: Path
    replace: bool = False
    command: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()
    started: float = 0.0
    resumption: Resumption | None = None
    signals: Signals = field(default_factory=Signals)
    test: bool = True
    seconds_between_saves: float = 0.0
    callbacks: tuple[keras.callbacks.Callback, ...] = ()
    numbered: bool = False
    models: CompiledModels | None = None


Rollbacks = tuple[Mapping[str, Any], ...]
"""The rollbacks after divergences so far: reason, step, and the step that training returned to."""


@dataclass(frozen=True)
class RunContext:
    """What all sessions of a run share.

    Attributes:
        experiment: The spec.
        splits: The data.
        run: The run directory, owned by this process.
        backend: Takes steps and predicts.
        settings: The settings chosen for the device.
        options: The options of the command.
        reporter: Shows progress.
    """

    experiment: Experiment
    splits: Splits
    run: RunDir
    backend: Backend
    settings: RunSettings
    options: TrainOptions
    reporter: Reporter

    def batches(self) -> Batches:
        """Prepare the training split."""
        weights = class_weights(self.experiment, self.splits.train.y)
        return self.backend.batches(self.splits.train, self.settings.order, weights)

    def restore(self, model: keras.Model, checkpoint: CheckpointFile | None, rollbacks: Rollbacks) -> State | None:
        """Restore a model from a checkpoint, if any; halve the learning rate for each rollback since then.

        Raises:
            CheckpointError: The checkpoint is damaged, belongs to another model, or holds averaged weights.
        """
        state = load_training(model, checkpoint) if checkpoint else None
        if state:
            with self.backend.scope():
                build_compiled_metrics(model)
            write_variables(model, self.backend, state.variables)
        scale = inner_optimizer(model)._learning_rate.scale
        scale.assign(scale * 0.5 ** max(len(rollbacks) - len(state.rollbacks if state else ()), 0))
        return state


class Session:
    """Trains from the start or a checkpoint until the end, a signal or a divergence.

    Args:
        context: The run's spec, data and settings.
        model: The compiled model, before its first step.
        checkpoint: The checkpoint to resume from; None to start at step 0.
        rollbacks: The rollbacks so far.

    Raises:
        CheckpointError: The checkpoint is damaged or belongs to another model.
    """

    def __init__(
        self,
        context: RunContext,
        model: keras.Model,
        checkpoint: CheckpointFile | None = None,
        rollbacks: Rollbacks = (),
    ) -> None:
        self.context, self.model, self.rollbacks = context, model, rollbacks
        experiment, run = context.experiment, context.run
        self.history = History(run, experiment.measured)
        self.best = Best(experiment.monitor, experiment.mode(experiment.monitor), self._save_best)
        self.callbacks = self._make_callbacks()
        self._saved: Position | None = None
        self._kept: WeightSnapshot | None = None
        if state := context.restore(model, checkpoint, rollbacks):
            self._recall(state)
        if run.best.is_file():
            self._remind(self.best, State.from_bytes(open_checkpoint(run.best).read(STATE)).best, run.best)
        self.loop = Loop(
            experiment,
            model,
            context.backend,
            context.batches(),
            context.splits.validation,
            context.reporter,
            context.options.signals,
            self._saved or Position(),
        )

    def complete(self) -> Result:
        """Train to the end, then evaluate the best weights on the test split if requested.

        Raises:
            Diverged: A value became NaN or infinite; the last checkpoint is from before.
            Stopped: A signal requested to stop; the last checkpoint is at the current step.
            TrainingError: A file cannot be written, or no epoch had a finite metric.
        """
        options = self.context.options
        periodic = Periodic(
            self.context.experiment.training.checkpoint,
            self._save_last,
            lambda: self.loop.position.total,
            options.signals,
            options.seconds_between_saves,
        )
        tracking = Tracking(self.context.experiment, self.context.run, self.context.reporter)
        with tracking.going():
            try:
                self.loop.run([*self.callbacks, tracking, periodic])
            except Stopped:
                self._save_last()
                raise
            self._save_last()
            if self.best.epoch is None:
                raise TrainingError(f"{self.best.monitor} was not finite in any epoch, so there are no best weights")
            self.context.reporter.note(f"best epoch: {self.best.epoch} ({self.best.monitor} {self.best.value:.4f})")
            result = self.result("completed", self._test() if options.test else {})
            tracking.measured(result.metrics.get("test", {}))
            write_text(self.context.run.metrics, result.to_json() + "\n")
        return result

    def _test(self) -> dict[str, dict[str, float]]:
        """Evaluate the best weights on the test split."""
        with self.context.backend.scope():
            load_weights(self.model, open_checkpoint(self.context.run.best))
        evaluator = Evaluator(self.context.experiment, self.context.backend)
        measured = evaluator(self.model, self.context.splits.test, self.context.options.signals.check)
        keep(self.context.run, "test", measured, self.context.splits.lexicon)
        return {"test": dict(measured.metrics)}

    def result(self, status: Any, metrics: dict[str, dict[str, float]], error: str | None = None) -> Result:
        """Return the run's result so far; training and validation metrics are those of the best epoch."""
        row, names = self.best.row, self.context.experiment.measured
        if self.best.epoch is not None:
            validation = {name: row[f"val_{name}"] for name in names if f"val_{name}" in row}
            metrics = {
                "train": {name: row[name] for name in names},
                **({"validation": validation} if validation else {}),
                **metrics,
            }
        return Result(
            schema=1,
            command="train",
            status=status,
            name=self.context.experiment.name,
            run=str(self.context.run.path),
            checkpoint=str(self.context.run.best) if self.best.epoch is not None else None,
            epochs=len(self.history.rows),
            best_epoch=self.best.epoch,
            seconds=round(time.monotonic() - self.context.options.started, 3),
            device=self.context.settings.device.choice.value,
            precision=self.context.settings.precision.value,
            metrics=metrics,
            rollbacks=[Rollback.model_validate(rollback) for rollback in self.rollbacks] or None,
            error=error,
        )

    def _make_callbacks(self) -> list[keras.callbacks.Callback]:
        training = self.context.experiment.training
        callbacks = [self.history, Divergence(), self.best, Report(self.context.reporter, self.history, self.best)]
        if training.early_stopping is not None:
            stopping = training.early_stopping
            callbacks.append(PatientStopping(stopping, self.context.experiment.mode(stopping.monitor)))
        if isinstance(self.context.experiment.schedule, ReduceOnPlateau):
            plateau = self.context.experiment.schedule
            callbacks.append(Plateau(plateau, self.context.experiment.mode(plateau.monitor)))
        named = [callback.build() for callback in training.callbacks]
        return [*callbacks, *named, *self.context.options.callbacks]

    def _remembering(self) -> list[Stateful]:
        return [callback for callback in self.callbacks if isinstance(callback, Stateful)]

    def _recall(self, state: State) -> None:
        for callback in self._remembering():
            self._remind(callback, state.callbacks.get(callback.name, {}), self.context.run.last)
        self.rollbacks = (*state.rollbacks, *self.rollbacks[len(state.rollbacks) :])
        self._saved = state.position

    def _remind(self, callback: Best | Stateful, memory: Mapping[str, Any], path: Path) -> None:
        try:
            callback.load_state_dict(memory)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CheckpointError(f"{path}: its state belongs to another run: {callback.name} has no {error}") from None

    def _save_best(self) -> None:
        demand_finite_weights(self.model)
        with averaged_weights(self.model) as averaged:
            state = self._state("averaged" if averaged else "raw")
            if self.context.options.seconds_between_saves:
                self._kept = WeightSnapshot(self.model, self.context.backend, state)
            else:
                self._write(self.context.run.best, state)

    def _save_kept(self) -> None:
        """Write the best weights that were kept in memory."""
        if self._kept:
            with self._kept.put_back() as state:
                self._write(self.context.run.best, state)
            self._kept = None

    def _save_last(self) -> None:
        keep = self.context.experiment.training.checkpoint.keep
        state = self._state()
        if state.position == self._saved:
            return
        self._save_kept()
        demand_finite_weights(self.model)
        self._write(self.context.run.last, state)
        self._saved = state.position
        if keep > 1:
            step = self.context.run.checkpoints / f"step-{state.position.total:08d}.keras"
            _link(self.context.run.last, step)
            for old in sorted(self.context.run.checkpoints.glob("step-*.keras"))[:-keep]:
                old.unlink()

    def _write(self, path: Path, state: State) -> None:
        save(path, self.model, self.context.experiment, state, self.context.splits.lexicon())

    def _state(self, weights: Literal["raw", "averaged"] = "raw") -> State:
        if not self.loop.position.total:
            with self.context.backend.scope():
                build_compiled_metrics(self.model)
        return State(
            self.loop.position,
            self.context.settings.precision.value,
            self.context.settings.device.threads,
            self.context.options.plugins,
            self.best.state_dict(),
            {callback.name: callback.state_dict() for callback in self._remembering()},
            self.rollbacks,
            read_variables(self.model, self.context.backend),
            weights,
            self.context.splits.provenance.fingerprint,
        )


def class_weights(experiment: Experiment, labels: np.ndarray) -> np.ndarray | None:
    """Return each class's weight in the loss, float32 (classes,); None if all are equal."""
    wanted, classes = experiment.training.class_weight, experiment.signature.classes
    if wanted is None:
        return None
    if wanted == "balanced":
        counts = np.bincount(labels, minlength=classes)
        return (len(labels) / (classes * np.maximum(counts, 1))).astype(np.float32)
    return np.array([wanted.get(label, 1.0) for label in range(classes)], np.float32)


def _link(source: Path, target: Path) -> None:
    """Hard-link a file, or copy it if the file system has no links."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
