"""Learning-rate schedules that a spec can name; each counts its steps after the warm-up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from deepcli.fields import NonNegative, PositiveFloat
from deepcli.registry import Component, Registry

if TYPE_CHECKING:
    from keras.optimizers.schedules import LearningRateSchedule

Steps = PositiveFloat
"""A number of steps, or below 1 a fraction of all steps."""


def count(steps: float, total: int) -> int:
    """Turn a number of steps, or a fraction of them below 1, into a number of steps."""
    return round(steps * total) if steps < 1 else round(steps)


class Schedule(Component):
    """The learning rate's course, from a linear warm-up to its end."""

    warmup: NonNegative = Field(
        0.0, description="Steps, or below 1 a fraction of all steps, over which the rate rises from 0 to its peak."
    )

    def build(self, peak: float, steps: int) -> LearningRateSchedule | None:
        """Build what follows the warm-up.

        Args:
            peak: The learning rate at its start.
            steps: Optimizer steps from its start to the end of training, at least 1.

        Returns:
            None where the rate stays at its peak.
        """
        return None


SCHEDULES: Registry[Schedule] = Registry("schedules", default="constant")


@SCHEDULES.register
class Constant(Schedule):
    """The same rate throughout."""

    type: Literal["constant"] = "constant"


@SCHEDULES.register
class Step(Schedule):
    """Stepwise decay: the rate is multiplied by `decay_rate` after every `decay_steps`."""

    type: Literal["step"] = "step"
    decay_steps: Steps = Field(0.3, description="Steps between drops, or below 1 a fraction of all steps.")
    decay_rate: PositiveFloat = Field(0.1, description="Factor of each drop.")

    def build(self, peak: float, steps: int) -> LearningRateSchedule:
        import keras

        every = max(count(self.decay_steps, steps), 1)
        return keras.optimizers.schedules.ExponentialDecay(peak, every, self.decay_rate, staircase=True)


@SCHEDULES.register
class Exponential(Schedule):
    """Exponential decay: the rate falls smoothly by the factor `decay_rate` in every `decay_steps`."""

    type: Literal["exponential"] = "exponential"
    decay_steps: Steps | None = Field(
        None, description="Steps, or below 1 a fraction of all steps; null is all of them."
    )
    decay_rate: PositiveFloat = Field(0.01, description="Factor over `decay_steps`.")

    def build(self, peak: float, steps: int) -> LearningRateSchedule:
        import keras

        every = steps if self.decay_steps is None else max(count(self.decay_steps, steps), 1)
        return keras.optimizers.schedules.ExponentialDecay(peak, every, self.decay_rate)


@SCHEDULES.register
class Cosine(Schedule):
    """Fall from the peak to `alpha` times it along half a cosine (Loshchilov & Hutter 2016)."""

    type: Literal["cosine"] = "cosine"
    alpha: Annotated[float, Field(ge=0, le=1)] = Field(0.0, description="Share of the peak that is left at the end.")

    def build(self, peak: float, steps: int) -> LearningRateSchedule:
        import keras

        return keras.optimizers.schedules.CosineDecay(peak, steps, alpha=self.alpha)
