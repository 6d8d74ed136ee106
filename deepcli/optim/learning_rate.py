"""The learning rate of a run: warm-up, schedule, and a scale that can be changed and is kept in checkpoints."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from deepcli.optim.schedules import Course, Schedule, count


@keras.saving.register_keras_serializable("deepcli")
class LearningRate(keras.optimizers.schedules.LearningRateSchedule):
    """Rise linearly to the peak, follow the schedule, and multiply by `scale`.

    Under a schedule of Keras's own the rate cannot be assigned; `scale` is what callbacks assign instead.

    Args:
        peak: The rate at the end of the warm-up.
        warmup: Steps of the warm-up.
        after: The schedule from there on, a function of the step counted from its own start; None stays at the peak.
        scale: Factor on everything, 1 unless something changed it.
        warmup_from: Share of the peak at which the warm-up starts.
    """

    def __init__(
        self,
        peak: float,
        warmup: int = 0,
        after: Course | None = None,
        scale: float = 1.0,
        warmup_from: float = 0.0,
    ) -> None:
        self.peak, self.warmup, self.after, self.warmup_from = peak, warmup, after, warmup_from
        self.scale = keras.Variable(scale, trainable=False, dtype="float32", name="learning_rate_scale")

    def __call__(self, step: Any) -> Any:
        step = ops.cast(step, "float32")
        past = ops.maximum(step - self.warmup, 0.0)
        rate = ops.cast(self.peak if self.after is None else self.after(past), "float32")
        if self.warmup:
            share = (step + 1.0) / self.warmup
            rising = self.peak * (self.warmup_from + (1.0 - self.warmup_from) * share)
            rate = ops.where(step < self.warmup, rising, rate)
        return rate * ops.cast(self.scale, "float32")

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs; a plugin's schedule that Keras cannot write is left out.

        deepcli builds the schedule of a checkpoint from its spec, never from this.
        """
        return {
            "peak": self.peak,
            "warmup": self.warmup,
            "after": _written(self.after),
            "scale": float(self.scale.numpy()),
            "warmup_from": self.warmup_from,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> LearningRate:
        """Rebuild it from `get_config`."""
        after = config.get("after")
        return cls(**{**config, "after": after and keras.saving.deserialize_keras_object(after)})


def _written(after: Course | None) -> dict[str, Any] | None:
    """Write a schedule as Keras does, where it can be written."""
    if not isinstance(after, keras.optimizers.schedules.LearningRateSchedule):
        return None
    try:
        return dict(keras.saving.serialize_keras_object(after))
    except NotImplementedError:
        return None


def learning_rate(schedule: Schedule, peak: float, steps: int) -> LearningRate:
    """Build the learning rate of a run of so many optimizer steps."""
    warmup = count(schedule.warmup, steps)
    after = schedule.build(peak, max(steps - warmup, 1))
    return LearningRate(peak, warmup, after, warmup_from=schedule.warmup_from)
