"""The epoch loop: steps, validation and callbacks, with an exact position in the run."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras

from deepcli.data.arrays.splits import Split
from deepcli.experiment.schema import Experiment
from deepcli.run.reporter import Course, Progress, Reporter
from deepcli.system.process_group import ALONE, ProcessGroup
from deepcli.system.signals import Signals, Stopped
from deepcli.training.averaging import averaged_weights
from deepcli.training.backend import Backend, Batches
from deepcli.training.evaluate import Evaluator, number
from deepcli.training.pace import Pace
from deepcli.training.state import Position, begins_stage, random_variables
from deepcli.training.time_limit import TimeLimit

LONGEST_CALL = 2.0
"""If a call of several steps takes more seconds (except the first, which compiles), steps are taken one by one."""


class Loop:
    """Trains a compiled model epoch by epoch; unlike Keras's `fit`, it can stop and resume within an epoch.

    Args:
        experiment: The spec.
        model: The compiled model.
        backend: Takes the steps.
        batches: The training split.
        validation: The validation split, evaluated after each epoch; None for no validation.
        reporter: Shows progress.
        signals: May request to stop after the current step.
        position: The position to start from.
        enter: Makes the model ready for a stage of the run, given by its position.
        limit: Decides when the time is over; None for no limit.
        group: The processes that take each step together.
    """

    def __init__(
        self,
        experiment: Experiment,
        model: keras.Model,
        backend: Backend,
        batches: Batches,
        validation: Split | None,
        reporter: Reporter,
        signals: Signals,
        position: Position,
        enter: Callable[[int], None],
        limit: TimeLimit | None = None,
        group: ProcessGroup = ALONE,
    ) -> None:
        self._experiment = experiment
        self._model = model
        self._backend = backend
        self._batches = batches
        self._validation = validation
        self._reporter = reporter
        self._signals = signals
        self._evaluate = Evaluator(experiment, backend)
        self.position = position
        self._enter = enter
        self._limit = limit
        self._group = group
        self._calls = 0
        self._pace = Pace()

    def run(self, callbacks: list[keras.callbacks.Callback]) -> None:
        """Train until the end or an early stop.

        Raises:
            Stopped: A signal requested to stop; `position` is where training stopped.
        """
        steps = self._batches.order.steps
        total = self._experiment.total_steps(steps)
        epochs = -(-total // steps)
        watchers = keras.callbacks.CallbackList(callbacks, model=self._model, epochs=epochs, steps=steps, verbose=0)
        self._model.stop_training = False
        watchers.on_train_begin()
        position = self.position
        first = min(position.epoch + 1, epochs)
        self._reporter.begin(Course(epochs, steps, self._experiment.monitor, first, position.step))
        try:
            # A run that stopped between an epoch's last step and its validation must still do the validation.
            while (self._lasts(total) or self.position.step) and not self._model.stop_training:
                self._epoch(watchers, min(steps, self.position.step + total - self.position.total))
        finally:
            self._reporter.end()
        watchers.on_train_end()

    def _lasts(self, total: int) -> bool:
        """Return whether another step may begin; one always may, as a run without a step has no figures."""
        return self.position.total < total and not (self._limit and self._limit.over and self.position.total)

    def _epoch(self, watchers: Any, stop: int) -> None:
        epoch = self.position.epoch
        if not self.position.step:
            self._model.reset_metrics()
        watchers.on_epoch_begin(epoch)
        self._take_steps(watchers, epoch, stop)
        ending = time.monotonic()
        whole = self.position.step == stop
        if self._limit and not whole:
            self._limit.keep_position()
        self._backend.complete_update(self._model)
        row = self._group.shared("figures", self._measure(self._model.get_metrics_result()))
        if whole:
            self.position = Position(epoch + 1, 0, self.position.total)
        watchers.on_epoch_end(epoch, row)
        self._pace.ended_epoch(time.monotonic() - ending)
        self._signals.check()

    def _take_steps(self, watchers: Any, epoch: int, stop: int) -> None:
        began, start = time.monotonic(), self.position.step
        counted = began  # the time up to which the pace has counted
        batches = self._batches.epoch(epoch, start, stop)
        done = start
        while done < stop and self._lasts(self.position.total + stop - done):
            self._signals.check()
            if (stage := begins_stage(self._experiment, self.position)) is not None:
                self._enter(stage)
                self._calls = 0  # the first call compiles
                self._pace.begin_stage()
            watchers.on_train_batch_begin(done)
            called = time.monotonic()
            logs = self._backend.take_steps(self._model, batches)
            taken = min(self._model.steps_per_execution, stop - done)
            done += taken
            self._calls += 1
            if taken > 1 and self._calls > 1 and self._is_slow(time.monotonic() - called):
                self._backend.take_single_steps(self._model)
            self.position = Position(epoch, done, self.position.total + taken)
            watchers.on_train_batch_end(done - 1, logs)
            now = time.monotonic()
            if self._calls > 1:
                self._pace.stepped(taken, now - counted)
            counted = now
            if self._reporter.due():
                self._reporter.progress(self._progress(logs, done, (time.monotonic() - began) / (done - start)))

    def _is_slow(self, seconds: float) -> bool:
        """Return whether a call took too long, in any process."""
        return bool(self._group.agree("long call", seconds > LONGEST_CALL)[0])

    def _progress(self, logs: Mapping[str, Any], done: int, seconds_per_step: float) -> Progress:
        steps = self._batches.order.steps
        left = self._experiment.total_steps(steps) - self.position.total
        return Progress(
            self.position.epoch + 1,
            done,
            self._numbers(logs),
            self._batches.order.batch_size / seconds_per_step,
            # The end of this epoch is near, and of each later one.
            self._pace.seconds_left(left, -(-(done + left) // steps)),
        )

    def _measure(self, logs: Mapping[str, Any]) -> dict[str, float]:
        """Add validation metrics to an epoch's logs, on averaged weights if the optimizer averages."""
        self._signals.check()
        row = self._numbers(logs)
        rate = row.pop("learning_rate")
        if self._validation is not None:
            timed = self._limit.validating() if self._limit else contextlib.nullcontext()
            with timed, averaged_weights(self._model), self._generators_kept_when_stopped():
                measured = self._evaluate(self._model, self._validation, self._signals.check)
            self._evaluate.tune(self._model, measured)
            row |= {f"val_{name}": value for name, value in measured.metrics.items()}
        return {**row, "learning_rate": rate}

    @contextlib.contextmanager
    def _generators_kept_when_stopped(self) -> Iterator[None]:
        """Restore the random generators if validation is stopped, as it will be repeated.

        Keras's recurrent layers draw dropout masks even for predictions.
        """
        states = [(variable, self._backend.read(variable)) for variable in random_variables(self._model)]
        try:
            yield
        except Stopped:
            for variable, value in states:
                self._backend.write(variable, value)
            raise

    def _numbers(self, logs: Mapping[str, Any]) -> dict[str, float]:
        values = {
            **{name: logs[name] for name in self._experiment.measured},
            "learning_rate": self._model.optimizer.learning_rate,
        }
        return {name: number(value) for name, value in values.items()}
