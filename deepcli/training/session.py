"""A run in progress: its loop, its callbacks and its checkpoints."""

from __future__ import annotations

import time
from typing import Any, Self

import keras

from deepcli.errors import TrainingError
from deepcli.optim.schedules import ReduceOnPlateau
from deepcli.result import Ended, Result, Rollback
from deepcli.run.checkpoint.file import CheckpointFile, open_checkpoint
from deepcli.system.atomic import write_text
from deepcli.system.signals import Stopped
from deepcli.training.callbacks import Best, BestSaver, History, PatientStopping, Periodic, Plateau, Report
from deepcli.training.checkpointer import Checkpointer, HasState
from deepcli.training.context import Rollbacks, RunContext
from deepcli.training.divergence import Divergence
from deepcli.training.ending import ending_of
from deepcli.training.evaluate import Evaluator, keep
from deepcli.training.loop import Loop
from deepcli.training.saving import load_weights
from deepcli.training.stages import enter_stage, stage_line
from deepcli.training.state import Position
from deepcli.training.text_samples import write_samples
from deepcli.training.tracking import Tracking


class Session:
    """Trains from the start or a checkpoint until the end, a signal or a divergence.

    It is made at step 0, without reading or writing anything; `open` also restores a checkpoint.

    Args:
        context: The run's spec, data and settings.
        model: The compiled model, before its first step.
        rollbacks: The rollbacks so far.
    """

    def __init__(self, context: RunContext, model: keras.Model, rollbacks: Rollbacks = ()) -> None:
        self.context, self.model = context, model
        experiment = context.experiment
        self.history = History(context.run, experiment.measured)
        self.best = Best(experiment.monitor, experiment.mode(experiment.monitor))
        self.limit = context.time_limit(lambda: self.checkpointer.save_last(), lambda: self.loop.position)
        self.loop = Loop(
            experiment,
            model,
            context.backend,
            context.batches(),
            context.splits.validation,
            context.reporter,
            context.options.signals,
            Position(),
            self._enter,
            self.limit,
            context.group,
        )
        further = self._further_callbacks()
        states = {name: callback for name, callback in further.items() if isinstance(callback, HasState)}
        self.checkpointer = Checkpointer(
            context, model, self.loop, self.best, {"history": self.history, **states}, rollbacks
        )
        where = context.group.shared("run", str(context.run.last))
        context.group.on_loss(lambda: self._kept_at(where))
        self.callbacks = [
            self.history,
            Divergence(),
            self.best,
            BestSaver(self.best, self.checkpointer.save_best),
            Report(context.reporter, self.history, self.best),
            *further.values(),
        ]

    @classmethod
    def open(
        cls,
        context: RunContext,
        model: keras.Model,
        checkpoint: CheckpointFile | None = None,
        rollbacks: Rollbacks = (),
    ) -> Self:
        """Make a session and restore it from a checkpoint; None starts at step 0.

        Raises:
            CheckpointError: The checkpoint is damaged or belongs to another model.
        """
        session = cls(context, model, rollbacks)
        session.checkpointer.restore(checkpoint)
        return session

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
            self.checkpointer.save_last,
            lambda: self.loop.position.total,
            options.signals,
            options.seconds_between_saves,
        )
        tracking = Tracking(self.context.trackers, self.context.experiment, self.context.run, self.context.reporter)
        with tracking.going():
            try:
                self.loop.run([*self.callbacks, tracking, periodic])
            except Stopped:
                self.checkpointer.save_last()
                self.context.group.exchange("last checkpoint", True)
                raise
            self.checkpointer.save_last()
            if self.best.epoch is None:
                raise TrainingError(f"{self.best.monitor} was not finite in any epoch, so there are no best weights")
            steps = self.context.settings.order.steps
            ending = ending_of(self.context.experiment, self.loop.position, steps, self.callbacks)
            self.context.reporter.note(ending.text)
            self.context.reporter.note(f"best epoch: {self.best.epoch} ({self.best.monitor} {self.best.value:.4f})")
            result = self.result("completed", self._test() if options.test else {}, ended=ending.ended)
            tracking.measured(result.metrics.get("test", {}))
            write_text(self.context.run.metrics, result.to_json() + "\n")
        if options.test and self.context.group.is_first:
            write_samples(self.context, self.model)
        return result

    def _kept_at(self, last: str) -> str:
        """Say where the last checkpoint is, for the error when another process is lost."""
        if self.checkpointer.saved is None:
            return "there is no checkpoint yet; start again with the same command"
        step = self.checkpointer.saved.total
        return f"the last checkpoint is {last}, at step {step}; continue with the same command and --if-exists resume"

    def _enter(self, stage: int) -> None:
        """Make the model ready for a stage of the run."""
        context = self.context
        enter_stage(
            self.model, context.experiment, context.settings, context.backend, stage, len(self.checkpointer.rollbacks)
        )
        first = stage_line(context.experiment, self.model, stage)
        context.reporter.note(first)

    def _test(self) -> dict[str, dict[str, float]]:
        """Evaluate the best weights on the test split."""
        context, signals = self.context, self.context.options.signals
        context.reporter.doing("evaluating the best weights on the test split")
        context.group.bring(context.run.best)
        with context.backend.scope():
            load_weights(self.model, open_checkpoint(context.run.best))
        measured = Evaluator(context.experiment, context.backend)(self.model, context.splits.test, signals.check)
        if context.group.is_first:
            if context.experiment.training.max_time is None:  # it takes time that was not planned; `evaluate` does it
                alone = Evaluator(context.experiment, context.backend.alone())
                measured = alone.examine(self.model, measured, signals.check_here)
            keep(context.run, "test", measured, context.splits.lexicon)
        return {"test": dict(measured.metrics)}

    def result(
        self, status: Any, metrics: dict[str, dict[str, float]], error: str | None = None, ended: Ended | None = None
    ) -> Result:
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
            ended=ended,
            best_epoch=self.best.epoch,
            seconds=round(time.monotonic() - self.context.options.started, 3),
            device=self.context.settings.device.choice.value,
            precision=self.context.settings.precision.value,
            metrics=metrics,
            rollbacks=[Rollback.model_validate(rollback) for rollback in self.checkpointer.rollbacks] or None,
            error=error,
        )

    def _further_callbacks(self) -> dict[str, keras.callbacks.Callback]:
        """Make the callbacks that the spec and the caller add, under the names that checkpoints use for their states."""
        experiment = self.context.experiment
        callbacks: dict[str, keras.callbacks.Callback] = {}
        if (stopping := experiment.training.early_stopping) is not None:
            callbacks["early_stopping"] = PatientStopping(stopping, experiment.mode(stopping.monitor))
        if isinstance(plateau := experiment.schedule, ReduceOnPlateau):
            callbacks["plateau"] = Plateau(plateau, experiment.mode(plateau.monitor))
        for number, callback in enumerate(experiment.training.callbacks):
            callbacks[f"callbacks.{number}.{callback.type}"] = callback.build()
        for number, given in enumerate(self.context.options.callbacks):
            callbacks[f"given.{number}.{type(given).__name__}"] = given
        if self.limit is not None:
            callbacks["max_time"] = self.limit
        return callbacks
