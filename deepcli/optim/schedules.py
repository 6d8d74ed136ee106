"""Learning-rate schedules that a spec can name; each counts its steps after the warm-up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from deepcli.spec.fields import Course, NonNegative, Positive, PositiveFloat, as_tuple
from deepcli.spec.registry import Component, Issue, Registry, validate

if TYPE_CHECKING:
    from keras.optimizers.schedules import LearningRateSchedule

Steps = PositiveFloat
"""A number of steps; below 1, a fraction of all steps."""


def count(steps: float, total: int) -> int:
    """Convert `steps`, which below 1 is a fraction of `total`, to a number of steps."""
    return round(steps * total) if steps < 1 else round(steps)


def _is_fraction(*steps: float | None) -> bool:
    """Return whether one of the values is a fraction of all steps; None means all steps."""
    return any(value is None or 0 < value < 1 for value in steps)


class Schedule(Component):
    """A learning-rate schedule, after an optional linear warm-up."""

    warmup_from: ClassVar[float] = 0.0
    """Fraction of the peak at which the warm-up starts."""

    warmup: NonNegative = Field(
        0.0, description="Steps over which the rate rises from 0 to its peak; below 1, a fraction of all steps."
    )

    def build(self, peak: float, steps: int) -> Course | None:
        """Build the schedule after the warm-up.

        Args:
            peak: The learning rate at its start.
            steps: Optimizer steps from its start to the end of training, at least 1.

        Returns:
            A Keras schedule or any function of the step; None if the rate stays at its peak.
        """
        return None

    def follows_length(self) -> bool:
        """Return whether a longer run would have other rates from the start; assumed of the schedules of plugins."""
        return _is_fraction(self.warmup) or type(self).build is not Schedule.build

    def unreached(self, steps: int) -> str | None:
        """Describe a change of the rate that the run is too short to reach; None if it reaches all.

        Args:
            steps: Steps from the end of the warm-up to the end of training.
        """
        return None

    def notices(self, peak: float) -> Iterator[str]:
        """Yield notices about settings that are allowed for this peak but rarely intended, each with its field first."""
        return iter(())


SCHEDULES: Registry[Schedule] = Registry("schedules", default="constant")


@SCHEDULES.register
class Constant(Schedule):
    """The same learning rate throughout."""

    type: Literal["constant"] = "constant"


@SCHEDULES.register
class Step(Schedule):
    """Stepwise decay: the rate is multiplied by `decay_rate` after every `decay_steps`."""

    type: Literal["step"] = "step"
    decay_steps: Steps = Field(0.3, description="Steps between drops; below 1, a fraction of all steps.")
    decay_rate: PositiveFloat = Field(0.1, description="Factor of each drop.")

    def build(self, peak: float, steps: int) -> LearningRateSchedule:
        import keras

        every = max(count(self.decay_steps, steps), 1)
        return keras.optimizers.schedules.ExponentialDecay(peak, every, self.decay_rate, staircase=True)

    def follows_length(self) -> bool:
        return _is_fraction(self.warmup, self.decay_steps)

    def unreached(self, steps: int) -> str | None:
        if count(self.decay_steps, steps) < steps:
            return None
        return f"schedule.decay_steps: the rate never drops, as {self.decay_steps:g} steps are not reached in {steps}"


@SCHEDULES.register
class Exponential(Schedule):
    """Exponential decay: the rate falls smoothly by the factor `decay_rate` in every `decay_steps`."""

    type: Literal["exponential"] = "exponential"
    decay_steps: Steps | None = Field(
        None, description="Steps; below 1, a fraction of all steps; null means all steps."
    )
    decay_rate: PositiveFloat = Field(0.01, description="Factor over `decay_steps`.")

    def build(self, peak: float, steps: int) -> LearningRateSchedule:
        import keras

        every = steps if self.decay_steps is None else max(count(self.decay_steps, steps), 1)
        return keras.optimizers.schedules.ExponentialDecay(peak, every, self.decay_rate)

    def follows_length(self) -> bool:
        return _is_fraction(self.warmup, self.decay_steps)


@SCHEDULES.register
class Cosine(Schedule):
    """Cosine decay from the peak to `alpha` times the peak (Loshchilov & Hutter 2016)."""

    type: Literal["cosine"] = "cosine"
    alpha: Annotated[float, Field(ge=0, le=1)] = Field(0.0, description="Fraction of the peak that is left at the end.")

    def build(self, peak: float, steps: int) -> LearningRateSchedule:
        import keras

        return keras.optimizers.schedules.CosineDecay(peak, steps, alpha=self.alpha)


@SCHEDULES.register
class PiecewiseConstant(Schedule):
    """Constant intervals: `values` are multiples of the learning rate, one more than `boundaries`."""

    type: Literal["piecewise_constant"] = "piecewise_constant"
    boundaries: Annotated[tuple[Steps, ...], BeforeValidator(as_tuple), Field(min_length=1)] = Field(
        (0.5, 0.75), description="Steps at which the rate changes; below 1, fractions of all steps."
    )
    values: Annotated[tuple[NonNegative, ...], BeforeValidator(as_tuple)] = Field(
        (1.0, 0.1, 0.01), description="The rate in each interval, as a multiple of the peak."
    )

    @model_validator(mode="after")
    def _fits_itself(self) -> PiecewiseConstant:
        return validate(self, PiecewiseConstant.check)

    def check(self) -> Iterator[Issue]:
        """Yield the fields that contradict each other."""
        if len(self.values) != len(self.boundaries) + 1:
            yield ("values",), f"{len(self.boundaries)} boundaries need {len(self.boundaries) + 1} values"
        if list(self.boundaries) != sorted(set(self.boundaries)):
            yield ("boundaries",), "should be in increasing order"

    def build(self, peak: float, steps: int) -> LearningRateSchedule:
        import keras

        # Keras keeps a value up to and including its boundary; here the next one starts at it, as in `step`.
        boundaries = [float(count(boundary, steps) - 1) for boundary in self.boundaries]
        values = [peak * value for value in self.values]
        return keras.optimizers.schedules.PiecewiseConstantDecay(boundaries, values)

    def follows_length(self) -> bool:
        return _is_fraction(self.warmup, *self.boundaries)

    def unreached(self, steps: int) -> str | None:
        late = [f"{boundary:g}" for boundary in self.boundaries if count(boundary, steps) >= steps]
        return f"schedule.boundaries: {', '.join(late)} not reached in {steps} steps" if late else None


@SCHEDULES.register
class CosineRestarts(Schedule):
    """Cosine decay with restarts, each cycle `t_mul` times as long as the last (Loshchilov & Hutter 2016)."""

    type: Literal["cosine_restarts"] = "cosine_restarts"
    first_decay_steps: Steps = Field(0.15, description="Steps of the first cycle; below 1, a fraction of all steps.")
    t_mul: PositiveFloat = Field(2.0, description="Length of each cycle as a multiple of the last.")
    m_mul: PositiveFloat = Field(1.0, description="Peak of each cycle as a multiple of the last.")
    alpha: Annotated[float, Field(ge=0, le=1)] = Field(
        0.0, description="Fraction of the peak at the end of each cycle."
    )

    def build(self, peak: float, steps: int) -> LearningRateSchedule:
        import keras

        first = max(count(self.first_decay_steps, steps), 1)
        return keras.optimizers.schedules.CosineDecayRestarts(peak, first, self.t_mul, self.m_mul, self.alpha)

    def follows_length(self) -> bool:
        return _is_fraction(self.warmup, self.first_decay_steps)


@SCHEDULES.register
class Polynomial(Schedule):
    """Polynomial decay from the peak to `end_learning_rate`."""

    type: Literal["polynomial"] = "polynomial"
    end_learning_rate: NonNegative = Field(0.0, description="Learning rate at the end.")
    power: PositiveFloat = Field(1.0, description="Exponent of the decay; 1 is linear.")

    def build(self, peak: float, steps: int) -> LearningRateSchedule:
        import keras

        return keras.optimizers.schedules.PolynomialDecay(peak, steps, self.end_learning_rate, self.power)

    def notices(self, peak: float) -> Iterator[str]:
        if self.end_learning_rate > peak:
            yield (
                f"end_learning_rate: {self.end_learning_rate:g} is above optimizer.learning_rate ({peak:g}), so the "
                "learning rate rises"
            )


@SCHEDULES.register
class InverseTime(Schedule):
    """The peak divided by 1 + `decay_rate` * step / `decay_steps`."""

    type: Literal["inverse_time"] = "inverse_time"
    decay_steps: Steps | None = Field(
        None, description="Steps; below 1, a fraction of all steps; null means all steps."
    )
    decay_rate: PositiveFloat = Field(
        9.0, description="Strength of the decay; with null `decay_steps`, the rate ends at peak / (1 + decay_rate)."
    )
    staircase: bool = Field(False, description="Change the rate only once every `decay_steps`.")

    def build(self, peak: float, steps: int) -> LearningRateSchedule:
        import keras

        every = steps if self.decay_steps is None else max(count(self.decay_steps, steps), 1)
        return keras.optimizers.schedules.InverseTimeDecay(peak, every, self.decay_rate, self.staircase)

    def follows_length(self) -> bool:
        return _is_fraction(self.warmup, self.decay_steps)


@SCHEDULES.register
class InverseSquareRoot(Schedule):
    """The peak divided by the square root of the step, counted in warm-ups (Vaswani et al. 2017).

    With a peak of `hidden_dim ** -0.5 * warmup ** -0.5` and a warm-up of 4,000 steps, it is the schedule of the paper.
    """

    type: Literal["inverse_square_root"] = "inverse_square_root"
    warmup: NonNegative = Field(
        0.1, description="Steps over which the rate rises from 0 to its peak; below 1, a fraction of all steps."
    )

    def build(self, peak: float, steps: int) -> LearningRateSchedule:
        from deepcli.nn.learning_rate import InverseSquareRootDecay

        # `steps` are those after the warm-up: a fraction of all is as large a fraction of these, divided by the rest.
        risen = steps * self.warmup / (1 - self.warmup) if self.warmup < 1 else self.warmup
        return InverseSquareRootDecay(peak, max(round(risen), 1))

    def follows_length(self) -> bool:
        return _is_fraction(self.warmup)


@SCHEDULES.register
class OneCycle(Schedule):
    """One-cycle policy: a long warm-up, then cosine decay to far below the initial rate (Smith & Topin 2017)."""

    type: Literal["one_cycle"] = "one_cycle"
    warmup: NonNegative = Field(0.3, description="Steps of the warm-up; below 1, a fraction of all steps.")
    final_div_factor: PositiveFloat = Field(1e4, description="The rate at the end is the peak divided by this.")

    warmup_from: ClassVar[float] = 1 / 25

    def build(self, peak: float, steps: int) -> LearningRateSchedule:
        import keras

        return keras.optimizers.schedules.CosineDecay(peak, steps, alpha=1 / self.final_div_factor)


@SCHEDULES.register
class ReduceOnPlateau(Schedule):
    """Multiply the rate by `factor` whenever a metric has not improved for `patience` epochs."""

    type: Literal["reduce_on_plateau"] = "reduce_on_plateau"
    monitor: str = Field("val_loss", description="Metric to watch.")
    factor: Annotated[float, Field(gt=0, lt=1)] = Field(0.1, description="Factor of each reduction.")
    patience: Positive = Field(10, description="Epochs without improvement before a reduction.")
    min_delta: NonNegative = Field(1e-4, description="Smaller changes do not count.")
    cooldown: Annotated[int, Field(ge=0)] = Field(
        0, description="Epochs after a reduction that do not count towards `patience`."
    )
    min_lr: NonNegative = Field(0.0, description="Lower bound of the learning rate.")

    def notices(self, peak: float) -> Iterator[str]:
        if self.min_lr >= peak:
            yield (
                f"min_lr: {self.min_lr:g} is not below optimizer.learning_rate ({peak:g}), so the learning rate is never "
                "reduced"
            )
