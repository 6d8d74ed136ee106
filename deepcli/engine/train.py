"""The story of a training run, from a spec and its data to evaluated best weights."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from deepcli import loading
from deepcli.checkpoints import open_checkpoint
from deepcli.data.order import Order
from deepcli.data.splits import Splits, Tokens
from deepcli.engine import device as devices
from deepcli.engine.backend import Backend, TensorFlowBackend
from deepcli.engine.build import averaged_weights, build_model, compile_model, forget_models
from deepcli.engine.callbacks import Best, Divergence, History, PatientStopping, Periodic, Remembering, Report
from deepcli.engine.checkpoint import load_weights, save
from deepcli.engine.environment import describe
from deepcli.engine.evaluate import Evaluator, save_predictions
from deepcli.engine.loop import Loop
from deepcli.engine.reporting import Reporter
from deepcli.engine.signals import StopRequest, stoppable
from deepcli.engine.state import Position, State, read_variables
from deepcli.errors import Interrupted, TrainingError
from deepcli.experiment import Experiment
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


def train(
    experiment: Experiment,
    splits: Splits,
    request: Request,
    reporter: Reporter,
    choose_device: Callable[[Any], devices.Device] = devices.choose,
) -> Result:
    """Train, keep the best weights, and evaluate them once on the test split.

    Raises:
        DeviceError: The device is not there.
        RunError: The run directory cannot be made.
        TrainingError: The run diverged, or memory or disk ran out; `metrics.json` says so too.
        Interrupted: A signal ended it; `last.keras` is where it was.
    """
    chosen = choose_device(experiment.training)
    plan = _plan(experiment, splits, chosen)
    for line in plan.notes(experiment):
        reporter.note(line)
    backend = TensorFlowBackend(chosen.strategy)
    forget_models()
    with backend.scope():
        model = build_model(experiment, plan.precision.value)
        compile_model(
            model, experiment, plan.order.steps, jit=plan.jit.value, steps_per_execution=plan.steps_per_execution.value
        )
    environment = describe(experiment, splits, model, plan, request.command, request.plugins)
    run = RunDir.create(request.output, loading.dump(experiment), environment, request.replace)
    reporter = Logged(reporter, run)
    session = Session(experiment, splits, run, model, backend, plan, request, reporter)
    try:
        return session.complete()
    except (TrainingError, MemoryError, _out_of_memory()) as error:
        failure = error if isinstance(error, TrainingError) else TrainingError(_memory_advice(error))
        write_text(run.metrics, session.result("failed", {}, str(failure)).to_json() + "\n")
        raise failure from error


@dataclass(frozen=True)
class Plan:
    """Everything that is decided before the first step, each with its reason."""

    device: devices.Device
    precision: devices.Choice
    jit: devices.Choice
    steps_per_execution: devices.Choice
    order: Order

    def notes(self, experiment: Experiment) -> list[str]:
        """Say it in two lines."""
        threads = f", {self.device.threads} thread{'s' * (self.device.threads > 1)}" * (not self.device.is_gpu)
        steps = f"{self.order.examples} examples in {self.order.steps} steps an epoch"
        return [
            f"{experiment.name}: {experiment.model.type} on {experiment.data.type}, {steps}",
            f"device: {self.device.choice}{threads}; precision: {self.precision}",
        ]


def _plan(experiment: Experiment, splits: Splits, chosen: devices.Device) -> Plan:
    training, data = experiment.training, experiment.data
    x = splits.train.x
    lengths = x.lengths if isinstance(x, Tokens) else None
    order = Order(len(splits.train), data.batch_size, experiment.seed, lengths)
    return Plan(
        chosen,
        devices.choose_precision(training, experiment.model, chosen),
        devices.choose_jit(training, experiment.model, experiment.signature.kind, chosen),
        devices.choose_steps_per_execution(training, order.steps, chosen),
        order,
    )


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
        self.best = Best(experiment.monitor, experiment.monitor_mode, self._save_best)
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
        save_predictions(self.run.predictions("test"), measured)
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
            callbacks.append(PatientStopping(training.early_stopping, self.experiment.monitor_mode))
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


class Logged:
    """A reporter that also writes what it is told to `train.log`.

    Args:
        reporter: Shows it.
        run: Keeps it.
    """

    def __init__(self, reporter: Reporter, run: RunDir) -> None:
        self._reporter, self._log = reporter, run.log
        self.begin, self.due, self.progress, self.end = reporter.begin, reporter.due, reporter.progress, reporter.end

    def note(self, text: str) -> None:
        """Show and keep one line."""
        self._write(text)
        self._reporter.note(text)

    def epoch(self, row: Any, best: bool) -> None:
        """Show and keep an epoch's row."""
        self._write(" ".join(f"{name}={value:.6g}" for name, value in row.items()) + " (best)" * best)
        self._reporter.epoch(row, best)

    def _write(self, text: str) -> None:
        try:
            with self._log.open("a", encoding="utf-8") as log:
                log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")
        except OSError as error:
            raise TrainingError(f"cannot write {self._log}: {error.strerror or error}") from error


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


def _out_of_memory() -> type[Exception]:
    import tensorflow as tf

    return tf.errors.ResourceExhaustedError  # type: ignore[no-any-return]


def _memory_advice(error: BaseException) -> str:
    first = (str(error).strip().splitlines() or [""])[0][:200]
    return f"out of memory; a smaller data.batch_size or model needs less ({first})" if first else "out of memory"
