"""The learning rate of a run: warm-up, schedule, and a scale that callbacks change and checkpoints store."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from deepcli.spec.fields import Course

MOST_TABULATED = 1 << 20
"""Steps up to which the rates of a run are computed at once: 4 MiB."""


@keras.saving.register_keras_serializable("deepcli")
class LearningRate(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up to the peak, then the schedule, both multiplied by `scale`.

    Keras does not allow assigning the rate of an optimizer with a schedule; callbacks assign `scale` instead. If the
    length of the run is known, the rates of all steps are computed at once and looked up, which makes the graph of a step
    smaller, and the same for every rate. Of a run with more than `MOST_TABULATED` steps, such as one that only its time ends,
    each rate is computed when it is needed.

    Args:
        peak: The rate at the end of the warm-up.
        warmup: Steps of the warm-up.
        after: The schedule after the warm-up, a function of the steps since then; None stays at the peak.
        scale: Factor on the rate, 1 unless a callback changed it.
        warmup_from: Fraction of the peak at which the warm-up starts.
        steps: Steps of the run; 0 if unknown.
    """

    def __init__(
        self,
        peak: float,
        warmup: int = 0,
        after: Course | None = None,
        scale: float = 1.0,
        warmup_from: float = 0.0,
        steps: int = 0,
    ) -> None:
        self.peak, self.warmup, self.after, self.warmup_from, self.steps = peak, warmup, after, warmup_from, steps
        self.scale = _variable(scale, "learning_rate_scale")

        # Keras reads a rate before each step and one after the last.
        known = 0 < steps <= MOST_TABULATED
        self._table = _variable(_tabulated(self._rate, steps + 1), "learning_rates") if known else None

    def __call__(self, step: Any) -> Any:
        if self._table is None:
            rate = self._rate(ops.cast(step, "float32"))
        else:
            rate = ops.take(self._table, ops.minimum(ops.cast(step, "int32"), self.steps))
        return rate * ops.cast(self.scale, "float32")

    def _rate(self, step: Any) -> Any:
        """Compute the rate at a step, or at each of several, before scaling."""
        past = ops.maximum(step - self.warmup, 0.0)
        rate = ops.cast(self.peak if self.after is None else self.after(past), "float32")
        if self.warmup:
            share = (step + 1.0) / self.warmup
            rising = self.peak * (self.warmup_from + (1.0 - self.warmup_from) * share)
            rate = ops.where(step < self.warmup, rising, rate)
        return rate

    @property
    def variables(self) -> list[keras.Variable]:
        """The scale, and the rates of all steps if they are looked up."""
        return [self.scale] if self._table is None else [self.scale, self._table]

    def become(self, other: LearningRate) -> None:
        """Take over the rates of another run with the same number of steps, without a new graph.

        Raises:
            ValueError: The lengths differ, or one is unknown or too long to be tabulated.
        """
        if self._table is None or other._table is None or self.steps != other.steps:
            raise ValueError("only the rates of a run with the same number of steps can be taken over")
        self._table.assign(other._table)
        self.scale.assign(other.scale)
        self.peak, self.warmup, self.after, self.warmup_from = other.peak, other.warmup, other.after, other.warmup_from

    def get_config(self) -> dict[str, Any]:
        """Return the arguments for `from_config`; a plugin's schedule that Keras cannot serialize is left out.

        deepcli builds the schedule of a checkpoint from its spec, never from this config.
        """
        return {
            "peak": self.peak,
            "warmup": self.warmup,
            "after": _written(self.after),
            "scale": float(ops.convert_to_numpy(self.scale)),
            "warmup_from": self.warmup_from,
            "steps": self.steps,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> LearningRate:
        """Rebuild the learning rate from the result of `get_config`."""
        after = config.get("after")
        return cls(**{**config, "after": after and keras.saving.deserialize_keras_object(after)})


def _variable(value: Any, name: str) -> keras.Variable:
    return keras.Variable(value, trainable=False, dtype="float32", name=name)


def _tabulated(rate: Course, count: int) -> np.ndarray:
    """Compute the rates of the first `count` steps, float32 (count,)."""
    steps = np.arange(count, dtype=np.float32)
    try:
        rates = np.asarray(ops.convert_to_numpy(rate(ops.convert_to_tensor(steps))), np.float32)
        if rates.shape in ((), (count,)):
            return np.broadcast_to(rates, (count,))
    except Exception:  # a plugin's schedule may take only one step at a time, and raise any error otherwise
        pass
    return np.array([float(ops.convert_to_numpy(rate(ops.convert_to_tensor(step)))) for step in steps], np.float32)


def _written(after: Course | None) -> dict[str, Any] | None:
    """Serialize a schedule as Keras does; None if that is not possible."""
    if not isinstance(after, keras.optimizers.schedules.LearningRateSchedule):
        return None
    try:
        return dict(keras.saving.serialize_keras_object(after))
    except NotImplementedError:
        return None


@keras.saving.register_keras_serializable("deepcli")
class InverseSquareRootDecay(keras.optimizers.schedules.LearningRateSchedule):
    """The peak times the square root of `warmup / (warmup + step)` (Vaswani et al. 2017, section 5.3).

    Args:
        peak: The rate at step 0, the end of the warm-up.
        warmup: Steps of the warm-up before.
    """

    def __init__(self, peak: float, warmup: int) -> None:
        self.peak, self.warmup = peak, warmup

    def __call__(self, step: Any) -> Any:
        return self.peak * ops.sqrt(self.warmup / (self.warmup + ops.cast(step, "float32")))

    def get_config(self) -> dict[str, Any]:
        return {"peak": self.peak, "warmup": self.warmup}
