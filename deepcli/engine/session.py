"""A run under way: its loop, its callbacks and its files."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from deepcli.checkpoints import open_checkpoint
from deepcli.data.splits import Splits
from deepcli.engine.backend import Backend
from deepcli.engine.build import averaged_weights
from deepcli.engine.callbacks import Best, Divergence, History, PatientStopping, Periodic, Plateau, Remembering, Report
from deepcli.engine.checkpoint import load_weights, save
from deepcli.engine.evaluate import Evaluator, save_predictions
from deepcli.engine.loop import Loop
from deepcli.engine.plan import Plan
from deepcli.engine.signals import StopRequest, stoppable
from deepcli.engine.state import Position, State, read_variables
from deepcli.errors import Interrupted, TrainingError
from deepcli.experiment import Experiment
from deepcli.optim.schedules import ReduceOnPlateau
from deepcli.reporting import Reporter
from deepcli.result import Result
from deepcli.run import RunDir, write_text


@dataclass(frozen=True)
class Request:
    """What a run needs beside its spec.

    Attributes:
        output: Where the run directory shall be.
        replace: Whether a run that is there may be replaced.
        command: The command line, to be repeated.
        plugins: What was imported for it.
        started: `time.monotonic()` at the beginning of the command.
    """

    output: Path
    replace: bool = False
    command: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()
    started: float = 0.0


class Session:
    """One run under way: its loop, its callbacks and its files."""

    def __init__(
        self,
        experiment: Experiment,
        splits: Splits,
        run: RunDir,
        model: keras.Model,
        backend: Backend,
        plan: Plan,
        request: Request,
        reporter: Reporter,
    ) -> None:
        self.experiment, self.splits, self.run = experiment, splits, run
        self.model, self.backend, self.plan = model, backend, plan
        self.request, self.reporter = request, reporter
        self.history = History(run, experiment.measured)
        self.best = Best(experiment.monitor, experiment.mode(experiment.monitor), self._save_best)
        self.callbacks = self._make_callbacks()
        self.loop: Loop | None = None
        self._saved: Position | None = None

    def complete(self) -> Result:
        """Train to the end, then measure the best weights on the test split."""
        with stoppable() as stop:
            self.loop = self._make_loop(stop)
            finished = self.loop.run(self.callbacks)
            self._save_last()
        if not finished and stop.signal_number is not None:
            raise Interrupted(f"interrupted; the run so far is in {self.run.path}", stop.signal_number)
        if self.best.epoch is None:
            raise TrainingError(f"no epoch had a finite {self.best.monitor}; there are no best weights")
        self.reporter.note(f"best epoch: {self.best.epoch} ({self.best.monitor} {self.best.value:.4f})")
        load_weights(self.model, open_checkpoint(self.run.best))
        measured = Evaluator(self.experiment, self.backend)(self.model, self.splits.test)
        save_predictions(self.run.predictions("test"), measured.predictions)
        result = self.result("completed", {"test": dict(measured.metrics)})
        write_text(self.run.metrics, result.to_json() + "\n")
        return result

    def result(self, status: Any, metrics: dict[str, dict[str, float]], error: str | None = None) -> Result:
        """Describe the run as it stands; training and validation metrics are those of the best epoch."""
        rows = self.history.rows
        if self.best.epoch is not None:
            row = rows[self.best.epoch - 1]
            names = self.experiment.measured
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
            name=self.experiment.name,
            run=str(self.run.path),
            checkpoint=str(self.run.best) if self.best.epoch is not None else None,
            epochs=len(rows),
            best_epoch=self.best.epoch,
            seconds=round(time.monotonic() - self.request.started, 3),
            device=self.plan.device.choice.value,
            precision=self.plan.precision.value,
            metrics=metrics,
            error=error,
        )

    def _make_callbacks(self) -> list[keras.callbacks.Callback]:
        training = self.experiment.training
        callbacks = [self.history, Divergence(), self.best, Report(self.reporter, self.history, self.best)]
        if training.early_stopping is not None:
            stopping = training.early_stopping
            callbacks.append(PatientStopping(stopping, self.experiment.mode(stopping.monitor)))
        if isinstance(self.experiment.schedule, ReduceOnPlateau):
            plateau = self.experiment.schedule
            callbacks.append(Plateau(plateau, self.experiment.mode(plateau.monitor)))
        return [*callbacks, Periodic(training.checkpoint, self._save_last, self._steps_done)]

    def _make_loop(self, stop: StopRequest) -> Loop:
        weights = class_weights(self.experiment, self.splits.train.y)
        batches = self.backend.batches(self.splits.train, self.plan.order, weights)
        return Loop(self.experiment, self.model, self.backend, batches, self.splits.validation, self.reporter, stop)

    def _save_best(self) -> None:
        with averaged_weights(self.model):
            save(self.run.best, self.model, self.experiment, self._state())

    def _steps_done(self) -> int:
        return self.loop.position.total if self.loop else 0

    def _save_last(self) -> None:
        keep = self.experiment.training.checkpoint.keep
        state = self._state()
        if state.position == self._saved:
            return
        self._saved = state.position
        save(self.run.last, self.model, self.experiment, state)
        if keep > 1:
            step = self.run.checkpoints / f"step-{state.position.total:08d}.keras"
            _link(self.run.last, step)
            for old in sorted(self.run.checkpoints.glob("step-*.keras"))[:-keep]:
                old.unlink()

    def _state(self) -> State:
        if self.loop is None:
            raise RuntimeError("a checkpoint before the first step")
        return State(
            self.loop.position,
            self.plan.precision.value,
            self.plan.device.threads,
            self.request.plugins,
            self.best.remember(),
            {callback.name: callback.remember() for callback in self.callbacks if isinstance(callback, Remembering)},
            read_variables(self.model, self.backend),
        )


def class_weights(experiment: Experiment, labels: np.ndarray) -> np.ndarray | None:
    """Return each class's weight in the loss, float32 (classes,); None where all weigh the same."""
    wanted, classes = experiment.training.class_weight, experiment.signature.classes
    if wanted is None:
        return None
    if wanted == "balanced":
        counts = np.bincount(labels, minlength=classes)
        return (len(labels) / (classes * np.maximum(counts, 1))).astype(np.float32)
    return np.array([wanted.get(label, 1.0) for label in range(classes)], np.float32)


def _link(source: Path, target: Path) -> None:
    """Give a file a second name, or copy it where the file system has no links."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
