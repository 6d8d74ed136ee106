"""Optimizers that a spec can name; fields and defaults are Keras's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from deepcli.spec.fields import NonNegative, Positive, PositiveFloat, Rate, as_tuple
from deepcli.spec.registry import Component, Issue, Registry, validate

if TYPE_CHECKING:
    import keras

Momentum = Annotated[float, Field(ge=0, le=1)]


class Optimizer(Component):
    """A rule that turns gradients into steps. Class names are Keras's own."""

    learning_rate: PositiveFloat = Field(1e-3, description="Peak learning rate; the schedule scales it.")
    weight_decay: NonNegative | None = Field(None, description="Decoupled weight decay.")
    clipnorm: PositiveFloat | None = Field(None, description="Maximum norm of each gradient; larger ones are clipped.")
    clipvalue: PositiveFloat | None = Field(
        None, description="Maximum absolute value in a gradient; larger ones are clipped."
    )
    global_clipnorm: PositiveFloat | None = Field(
        None, description="Maximum norm of all gradients together; a larger one is clipped."
    )
    use_ema: bool = Field(False, description="Evaluate and save an exponential moving average of the weights.")
    ema_momentum: Momentum = Field(0.99, description="Fraction of the average kept at each update.")
    ema_overwrite_frequency: Positive | None = Field(
        None, description="Number of updates after which the weights are replaced by their average."
    )
    loss_scale_factor: PositiveFloat | None = Field(
        None, description="Factor on the loss, against underflow of gradients."
    )
    gradient_accumulation_steps: Annotated[int, Field(ge=2)] | None = Field(
        None,
        description="Number of batches whose mean gradient makes one update; the last group of an epoch may have fewer.",
    )

    KERAS: ClassVar[str]

    @model_validator(mode="after")
    def _fits_itself(self) -> Optimizer:
        return validate(self, Optimizer.check)

    def check(self) -> Iterator[Issue]:
        """Yield the fields that contradict each other."""
        clips = [name for name in ("clipnorm", "clipvalue", "global_clipnorm") if getattr(self, name) is not None]
        if len(clips) > 1:
            yield (clips[1],), f"only one of clipnorm, clipvalue and global_clipnorm can be set; {clips[0]} is set too"

    def check_length(self, updates: int) -> Iterator[Issue]:
        """Yield the fields that a run of this many updates is too short for."""
        return iter(())

    def notices(self) -> Iterator[str]:
        """Yield notices about settings that are allowed but rarely intended, each with its field first."""
        for name in () if self.use_ema else ("ema_momentum", "ema_overwrite_frequency"):
            if getattr(self, name) != type(self).model_fields[name].default:
                yield f"{name}: has no effect without use_ema"

    def without_warmup(self) -> Optimizer:
        """Return the optimizer without a warm-up of its own."""
        return self

    def limits(self) -> Iterator[Issue]:
        """Yield the fields that keep the optimizer from taking any learning rate that it is given."""
        return iter(())

    def build(self, learning_rate: keras.optimizers.schedules.LearningRateSchedule) -> keras.optimizers.Optimizer:
        """Build the Keras optimizer.

        Args:
            learning_rate: The schedule; it replaces the `learning_rate` field, its peak.
        """
        fields = self.model_dump(exclude={"type", "learning_rate"})
        return self.keras_class()(learning_rate=learning_rate, **fields)

    def keras_class(self) -> Callable[..., keras.optimizers.Optimizer]:
        """Return the class to build: Keras's own, or one that follows it."""
        import keras

        return getattr(keras.optimizers, self.KERAS)  # type: ignore[no-any-return]


OPTIMIZERS: Registry[Optimizer] = Registry("optimizers", default="adam")


@OPTIMIZERS.register
class Sgd(Optimizer):
    """Stochastic gradient descent; plain, with momentum, or with Nesterov's momentum."""

    type: Literal["sgd"] = "sgd"
    learning_rate: PositiveFloat = Field(1e-2, description="Peak learning rate; the schedule scales it.")
    momentum: Momentum = Field(0.0, description="Fraction of the previous step that is added to this one.")
    nesterov: bool = Field(False, description="Use Nesterov's momentum, which looks ahead (Nesterov 1983).")

    KERAS: ClassVar[str] = "SGD"

    @model_validator(mode="after")
    def _needs_momentum(self) -> Sgd:
        return validate(
            self, lambda sgd: [(("nesterov",), "needs a momentum above 0")] if sgd.nesterov and not sgd.momentum else []
        )


@OPTIMIZERS.register
class Rmsprop(Optimizer):
    """Gradients divided by their running root mean square (Tieleman & Hinton 2012)."""

    type: Literal["rmsprop"] = "rmsprop"
    rho: Rate = Field(0.9, description="Fraction of the running mean kept at each step.")
    momentum: Momentum = Field(0.0, description="Fraction of the previous step that is added to this one.")
    epsilon: PositiveFloat = Field(1e-7, description="Added to the denominator.")
    centered: bool = Field(False, description="Divide by the standard deviation instead of the root mean square.")

    KERAS: ClassVar[str] = "RMSprop"


@OPTIMIZERS.register
class Adam(Optimizer):
    """Adaptive moment estimation (Kingma & Ba 2014)."""

    type: Literal["adam"] = "adam"
    beta_1: Rate = Field(0.9, description="Decay of the first moment.")
    beta_2: Rate = Field(0.999, description="Decay of the second moment.")
    epsilon: PositiveFloat = Field(1e-7, description="Added to the denominator.")
    amsgrad: bool = Field(False, description="Never let the second moment shrink (Reddi et al. 2018).")

    KERAS: ClassVar[str] = "Adam"


@OPTIMIZERS.register
class Adamw(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2017)."""

    type: Literal["adamw"] = "adamw"  # type: ignore[assignment]
    weight_decay: NonNegative | None = Field(0.004, description="Decoupled weight decay.")

    KERAS: ClassVar[str] = "AdamW"


@OPTIMIZERS.register
class Adagrad(Optimizer):
    """Gradients divided by the root of the sum of their squares so far (Duchi et al. 2011)."""

    type: Literal["adagrad"] = "adagrad"
    initial_accumulator_value: NonNegative = Field(0.1, description="Initial value of the sums of squared gradients.")
    epsilon: PositiveFloat = Field(1e-7, description="Added to the denominator.")

    KERAS: ClassVar[str] = "Adagrad"


@OPTIMIZERS.register
class Adadelta(Optimizer):
    """Steps in proportion to the running size of earlier steps (Zeiler 2012)."""

    type: Literal["adadelta"] = "adadelta"
    rho: Rate = Field(0.95, description="Fraction of the running mean kept at each step.")
    epsilon: PositiveFloat = Field(1e-7, description="Added to the denominator.")

    KERAS: ClassVar[str] = "Adadelta"


@OPTIMIZERS.register
class Adamax(Optimizer):
    """Adam with the infinity norm (Kingma & Ba 2014)."""

    type: Literal["adamax"] = "adamax"
    beta_1: Rate = Field(0.9, description="Decay of the first moment.")
    beta_2: Rate = Field(0.999, description="Decay of the second moment.")
    epsilon: PositiveFloat = Field(1e-7, description="Added to the denominator.")

    KERAS: ClassVar[str] = "Adamax"


@OPTIMIZERS.register
class Nadam(Optimizer):
    """Adam with Nesterov's momentum (Dozat 2016)."""

    type: Literal["nadam"] = "nadam"
    beta_1: Rate = Field(0.9, description="Decay of the first moment.")
    beta_2: Rate = Field(0.999, description="Decay of the second moment.")
    epsilon: PositiveFloat = Field(1e-7, description="Added to the denominator.")

    KERAS: ClassVar[str] = "Nadam"


@OPTIMIZERS.register
class Adafactor(Optimizer):
    """Adam with factored second moments, for little memory (Shazeer & Stern 2018)."""

    type: Literal["adafactor"] = "adafactor"
    beta_2_decay: float = Field(-0.8, description="Exponent of the step in the decay of the second moment.")
    epsilon_1: PositiveFloat = Field(1e-30, description="Added to the squared gradient.")
    epsilon_2: PositiveFloat = Field(1e-3, description="Minimum scale of a parameter.")
    clip_threshold: PositiveFloat = Field(
        1.0, description="Maximum root mean square of a step; larger ones are scaled down."
    )
    relative_step: bool = Field(True, description="Limit the rate to 1 / sqrt(step).")

    KERAS: ClassVar[str] = "Adafactor"

    def limits(self) -> Iterator[Issue]:
        if self.relative_step:
            yield ("relative_step",), "limits the learning rate to 1 / sqrt(step), whatever the spec says"


@OPTIMIZERS.register
class Lion(Optimizer):
    """Steps in the direction of the sign of the momentum (Chen et al. 2023)."""

    type: Literal["lion"] = "lion"
    beta_1: Rate = Field(0.9, description="Decay of the first moment.")
    beta_2: Rate = Field(0.99, description="Decay of the momentum.")

    KERAS: ClassVar[str] = "Lion"


@OPTIMIZERS.register
class Lamb(Optimizer):
    """Adam with steps scaled to each layer, for large batches (You et al. 2019)."""

    type: Literal["lamb"] = "lamb"
    beta_1: Rate = Field(0.9, description="Decay of the first moment.")
    beta_2: Rate = Field(0.999, description="Decay of the second moment.")
    epsilon: PositiveFloat = Field(1e-7, description="Added to the denominator.")

    KERAS: ClassVar[str] = "Lamb"


@OPTIMIZERS.register
class Ftrl(Optimizer):
    """Follow the regularized leader, for sparse linear models (McMahan et al. 2013)."""

    type: Literal["ftrl"] = "ftrl"
    learning_rate_power: Annotated[float, Field(le=0)] = Field(
        -0.5, description="Exponent of the decay of the learning rate."
    )
    initial_accumulator_value: NonNegative = Field(0.1, description="Initial value of the sums of squared gradients.")
    l1_regularization_strength: NonNegative = Field(0.0, description="L1 penalty.")
    l2_regularization_strength: NonNegative = Field(0.0, description="L2 penalty.")
    l2_shrinkage_regularization_strength: NonNegative = Field(
        0.0, description="L2 penalty on the magnitude of the weights (shrinkage)."
    )
    beta: NonNegative = Field(0.0, description="The beta of the paper.")

    KERAS: ClassVar[str] = "Ftrl"


@OPTIMIZERS.register
class Muon(Optimizer):
    """Orthogonalized momentum for matrices, Adam for all other weights (Jordan et al. 2024)."""

    type: Literal["muon"] = "muon"
    weight_decay: NonNegative | None = Field(0.004, description="Decoupled weight decay.")
    adam_beta_1: Rate = Field(0.9, description="Decay of the first moment where Adam is used.")
    adam_beta_2: Rate = Field(0.999, description="Decay of the second moment where Adam is used.")
    adam_weight_decay: NonNegative = Field(0.004, description="Decoupled weight decay where Adam is used.")
    epsilon: PositiveFloat = Field(1e-7, description="Added to the denominator.")
    exclude_layers: Annotated[tuple[str, ...], BeforeValidator(as_tuple)] | None = Field(
        None, description="Patterns of layer names for which Adam is used."
    )
    exclude_embeddings: bool = Field(True, description="Use Adam for embeddings.")
    muon_a: float = Field(3.4445, description="First coefficient of the Newton-Schulz iteration.")
    muon_b: float = Field(-4.7750, description="Second coefficient of the Newton-Schulz iteration.")
    muon_c: float = Field(2.0315, description="Third coefficient of the Newton-Schulz iteration.")
    adam_lr_ratio: PositiveFloat = Field(1.0, description="Factor on the learning rate where Adam is used.")
    momentum: Momentum = Field(0.95, description="Fraction of the previous step that is added to this one.")
    ns_steps: Positive = Field(5, description="Number of Newton-Schulz iterations.")
    nesterov: bool = Field(True, description="Use Nesterov's momentum.")
    rms_rate: PositiveFloat | None = Field(
        0.2, description="Root mean square to which a step is scaled; null leaves it unscaled."
    )

    KERAS: ClassVar[str] = "Muon"


@OPTIMIZERS.register
class ScheduleFreeAdamw(Optimizer):
    """AdamW that evaluates and saves the average of its weights, and needs no schedule (Defazio et al. 2024).

    Batch normalization collects statistics with the training weights, not with their average, so the first epochs may
    look worse than they are. All steps have the same weight in the average, whatever their learning rate.
    """

    type: Literal["schedule_free_adamw"] = "schedule_free_adamw"
    learning_rate: PositiveFloat = Field(0.0025, description="Peak learning rate; the schedule scales it.")
    beta_1: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.9, description="Fraction of the average in the weights at which gradients are computed."
    )
    beta_2: Rate = Field(0.999, description="Decay of the second moment.")
    epsilon: PositiveFloat = Field(1e-8, description="Added to the denominator.")
    warmup_steps: Annotated[int, Field(ge=0)] = Field(
        0, description="Length of the optimizer's own warm-up, in updates."
    )

    KERAS: ClassVar[str] = "ScheduleFreeAdamW"

    def without_warmup(self) -> Optimizer:
        return self.model_copy(update={"warmup_steps": 0})

    def check_length(self, updates: int) -> Iterator[Issue]:
        if self.warmup_steps >= updates:
            yield ("warmup_steps",), f"a warm-up of {self.warmup_steps} updates takes the whole run of {updates}"

    @model_validator(mode="after")
    def _keeps_its_average(self) -> ScheduleFreeAdamw:
        why = "would overwrite the average that schedule_free_adamw keeps; remove it"
        wrong = self.use_ema and self.ema_overwrite_frequency is not None
        return validate(self, lambda _: [(("ema_overwrite_frequency",), why)] if wrong else [])

    def notices(self) -> Iterator[str]:
        yield from super().notices()
        if self.use_ema:
            yield "use_ema: schedule_free_adamw already averages the weights; now the moving average is evaluated instead"

    def keras_class(self) -> Callable[..., keras.optimizers.Optimizer]:
        from deepcli.nn.schedule_free import ScheduleFreeAdamW

        return ScheduleFreeAdamW
