"""Keras callbacks of a run; those with a state save it in a checkpoint and restore it from there."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import keras
import numpy as np

from deepcli.experiment.schema import Checkpoint, EarlyStopping
from deepcli.nn.inner_optimizer import inner_optimizer
from deepcli.optim.schedules import ReduceOnPlateau
from deepcli.run.directory import RunDir
from deepcli.run.reporter import Reporter
from deepcli.system.signals import Signals


class Stateful(keras.callbacks.Callback):
    """A callback of deepcli with a state, which every checkpoint of a run holds."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state that a checkpoint should hold."""
        raise NotImplementedError

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a state that `state_dict` returned."""
        raise NotImplementedError


class History(Stateful):
    """Keeps one row per epoch and rewrites `history.csv` after each.

    Args:
        run: The run directory to write into.
        names: Loss and metrics in the order of the columns; Keras sorts its logs alphabetically.
    """

    def __init__(self, run: RunDir, names: Sequence[str]) -> None:
        super().__init__()
        self._run = run
        self._columns = [*names, *(f"val_{name}" for name in names), "learning_rate"]
        self.rows: list[dict[str, Any]] = []
        self._began = time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._began = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        seconds = round(time.monotonic() - self._began, 3)
        figures = {name: logs[name] for name in self._columns if logs and name in logs}
        self.rows.append({"epoch": epoch + 1, **figures, "seconds": seconds})
        self._run.write_history(self.rows)

    def state_dict(self) -> dict[str, Any]:
        return {"rows": list(self.rows)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.rows = [dict(row) for row in state["rows"]]
        if self.rows:
            self._run.write_history(self.rows)


class Best(keras.callbacks.Callback):
    """Tracks the best epoch.

    Its state is stored in `best.keras`, so a worse epoch never replaces it, whatever happens to the other checkpoints.

    Args:
        monitor: The metric to compare.
        mode: Whether higher or lower values are better.
    """

    def __init__(self, monitor: str, mode: Literal["max", "min"]) -> None:
        super().__init__()
        self.monitor, self.mode = monitor, mode
        self.epoch: int | None = None
        self.value = math.nan
        self.row: Mapping[str, float] = {}

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        row = dict(logs or {})
        if self._beaten_by(row[self.monitor]):
            self.epoch, self.value, self.row = epoch + 1, row[self.monitor], row

    def _beaten_by(self, value: float) -> bool:
        if not math.isfinite(value):
            return False
        return self.epoch is None or (value > self.value if self.mode == "max" else value < self.value)

    def state_dict(self) -> dict[str, Any]:
        """Return the state to store in the file."""
        return {"epoch": self.epoch, "value": self.value, "monitor": self.monitor, "row": dict(self.row)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the state stored in the file."""
        epoch, value, row = state["epoch"], state["value"], state["row"]
        self.epoch, self.value, self.row = int(epoch), float(value), {name: float(row[name]) for name in row}


class BestSaver(keras.callbacks.Callback):
    """Writes `best.keras` after each epoch that is the best so far; follows `Best` at once.

    Args:
        best: Tracks the best epoch.
        save: Writes the checkpoint.
    """

    def __init__(self, best: Best, save: Callable[[], None]) -> None:
        super().__init__()
        self._best, self._save = best, save

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self._best.epoch == epoch + 1:
            self._save()


class PatientStopping(keras.callbacks.EarlyStopping, Stateful):
    """Keras's early stopping with a state that checkpoints hold; the best weights are in `best.keras`, not here."""

    def __init__(self, spec: EarlyStopping, mode: Literal["max", "min"]) -> None:
        super().__init__(spec.monitor, spec.min_delta, spec.patience, mode=mode)
        self._state: Mapping[str, Any] = {"wait": 0, "best": None}

    def on_train_begin(self, logs: Any = None) -> None:
        super().on_train_begin(logs)  # resets wait and best
        self.wait, self.best = self._state["wait"], self._state["best"]
        if self.wait >= self.patience:
            self.model.stop_training = True

    @property
    def ended(self) -> str:
        """What `metrics.json` calls this reason to end."""
        return "early_stopping"

    @property
    def why_stopped(self) -> str:
        """Why it stops training; empty if it does not."""
        if self.wait < self.patience:
            return ""
        least = f" by more than {abs(self.min_delta):g}" if self.min_delta else ""
        epochs = f"{self.patience} epochs" if self.patience > 1 else "1 epoch"
        return f"{self.monitor} has not improved{least} for {epochs}"

    def state_dict(self) -> dict[str, Any]:
        return {"wait": self.wait, "best": None if self.best is None else float(self.best)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._state = state


class Plateau(Stateful):
    """Reduces the learning rate when a metric stops improving; unlike Keras's callback, it works with a schedule.

    The rate never increases: at or below `min_lr`, for example in a warm-up or after rollbacks, it does not change.

    Args:
        spec: Patience, factor and limits.
        mode: Whether higher or lower values of the metric are better.
    """

    def __init__(self, spec: ReduceOnPlateau, mode: Literal["max", "min"]) -> None:
        super().__init__()
        self._spec = spec
        self._sign = 1 if mode == "max" else -1
        self._best = -math.inf
        self._wait = self._cooldown = 0

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        value = self._sign * (logs or {})[self._spec.monitor]
        self._cooldown = max(self._cooldown - 1, 0)
        if value > self._best + self._spec.min_delta:
            self._best, self._wait = value, 0
        elif not self._cooldown:
            self._wait += 1
            if self._wait >= self._spec.patience:
                self._reduce()

    def _reduce(self) -> None:
        optimizer = inner_optimizer(self.model)
        rate, least = float(optimizer.learning_rate), float(np.float32(self._spec.min_lr))
        if rate > least:
            scale = optimizer._learning_rate.scale
            scale.assign(float(keras.ops.convert_to_numpy(scale)) * max(self._spec.factor, least / rate))
        self._wait, self._cooldown = 0, self._spec.cooldown

    def state_dict(self) -> dict[str, Any]:
        return {"best": self._best, "wait": self._wait, "cooldown": self._cooldown}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._best = -math.inf if state["best"] is None else state["best"]
        self._wait, self._cooldown = state["wait"], state["cooldown"]


class Periodic(keras.callbacks.Callback):
    """Writes `last.keras` at intervals of epochs, steps or minutes; the last callback, as it saves the others' state.

    Args:
        spec: The intervals.
        save: Writes the checkpoint.
        steps_done: Returns the steps taken in the whole run; `on_train_batch_end` may follow several at once.
        signals: May request a checkpoint at any time.
        least_seconds: Minimum time between two checkpoints.
    """

    def __init__(
        self,
        spec: Checkpoint,
        save: Callable[[], None],
        steps_done: Callable[[], int],
        signals: Signals,
        least_seconds: float = 0.0,
    ) -> None:
        super().__init__()
        self._least_seconds = least_seconds
        self._spec = spec
        self._save = save
        self._steps_done = steps_done
        self._signals = signals
        self._saved_step = steps_done()
        self._saved_at = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        every, minutes = self._spec.every_steps, self._spec.every_minutes
        self._write_if(
            bool(every and self._steps_done() // every > self._saved_step // every)
            or bool(minutes and self._seconds >= 60 * minutes)
        )

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        every = self._spec.every_epochs
        self._write_if(bool(every and (epoch + 1) % every == 0))

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._saved_at

    def _write_if(self, due: bool) -> None:
        if self._signals.checkpoint or (due and self._seconds >= self._least_seconds):
            self._write()

    def _write(self) -> None:
        self._signals.checkpoint = False
        self._save()
        self._saved_step = self._steps_done()
        self._saved_at = time.monotonic()


class Report(keras.callbacks.Callback):
    """Passes each epoch's row to the reporter.

    Args:
        reporter: Receives the rows.
        history: Holds the rows.
        best: Holds the best epoch so far.
    """

    def __init__(self, reporter: Reporter, history: History, best: Best) -> None:
        super().__init__()
        self._reporter, self._history, self._best = reporter, history, best

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._reporter.epoch(self._history.rows[-1], self._best.epoch == epoch + 1)
