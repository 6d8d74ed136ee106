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
    clipnorm: PositiveFloat | None = Field(None, description="Each gradient's norm is clipped to it.")
    clipvalue: PositiveFloat | None = Field(None, description="Each gradient value is clipped to it.")
    global_clipnorm: PositiveFloat | None = Field(
        None, description="The norm of all gradients together is clipped to it."
    )
    use_ema: bool = Field(False, description="Evaluate and keep an exponential moving average of the weights.")
    ema_momentum: Momentum = Field(0.99, description="Share of the average kept at each update.")
    ema_overwrite_frequency: Positive | None = Field(
        None, description="Updates after which the weights become their average."
    )
    loss_scale_factor: PositiveFloat | None = Field(None, description="Factor on the loss against underflow.")
    gradient_accumulation_steps: Annotated[int, Field(ge=2)] | None = Field(
        None, description="Batches whose mean gradient makes one update; the last group of an epoch may have fewer."
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
        """Yield what is allowed and seldom meant, each with its field first."""
        for name in () if self.use_ema else ("ema_momentum", "ema_overwrite_frequency"):
            if getattr(self, name) != type(self).model_fields[name].default:
                yield f"{name}: has no effect without use_ema"

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
    momentum: Momentum = Field(0.0, description="Share of the last step that goes into this one.")
    nesterov: bool = Field(False, description="Look ahead along the momentum (Nesterov 1983).")

    KERAS: ClassVar[str] = "SGD"

    @model_validator(mode="after")
    def _needs_momentum(self) -> Sgd:
        return validate(
            self, lambda sgd: [(("nesterov",), "needs a momentum above 0")] if sgd.nesterov and not sgd.momentum else []
        )


@OPTIMIZERS.register
class Rmsprop(Optimizer):
    """Steps divided by a running root mean square of gradients (Tieleman & Hinton 2012)."""

    type: Literal["rmsprop"] = "rmsprop"
    rho: Rate = Field(0.9, description="Share of the running mean kept at each step.")
    momentum: Momentum = Field(0.0, description="Share of the last step that goes into this one.")
    epsilon: PositiveFloat = Field(1e-7, description="Added to the divisor.")
    centered: bool = Field(False, description="Divide by the standard deviation instead.")

    KERAS: ClassVar[str] = "RMSprop"


@OPTIMIZERS.register
class Adam(Optimizer):
    """Adaptive moment estimation (Kingma & Ba 2014)."""

    type: Literal["adam"] = "adam"
    beta_1: Rate = Field(0.9, description="Decay of the first moment.")
    beta_2: Rate = Field(0.999, description="Decay of the second moment.")
    epsilon: PositiveFloat = Field(1e-7, description="Added to the divisor.")
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
    """Steps divided by the root of all squared gradients so far (Duchi et al. 2011)."""

    type: Literal["adagrad"] = "adagrad"
    initial_accumulator_value: NonNegative = Field(0.1, description="Where the sums start.")
    epsilon: PositiveFloat = Field(1e-7, description="Added to the divisor.")

    KERAS: ClassVar[str] = "Adagrad"


@OPTIMIZERS.register
class Adadelta(Optimizer):
    """Steps in proportion to the running size of earlier steps (Zeiler 2012)."""

    type: Literal["adadelta"] = "adadelta"
    rho: Rate = Field(0.95, description="Share of the running mean kept at each step.")
    epsilon: PositiveFloat = Field(1e-7, description="Added to the divisor.")

    KERAS: ClassVar[str] = "Adadelta"


@OPTIMIZERS.register
class Adamax(Optimizer):
    """Adam with the infinity norm (Kingma & Ba 2014)."""

    type: Literal["adamax"] = "adamax"
    beta_1: Rate = Field(0.9, description="Decay of the first moment.")
    beta_2: Rate = Field(0.999, description="Decay of the second moment.")
    epsilon: PositiveFloat = Field(1e-7, description="Added to the divisor.")

    KERAS: ClassVar[str] = "Adamax"


@OPTIMIZERS.register
class Nadam(Optimizer):
    """Adam with Nesterov's momentum (Dozat 2016)."""

    type: Literal["nadam"] = "nadam"
    beta_1: Rate = Field(0.9, description="Decay of the first moment.")
    beta_2: Rate = Field(0.999, description="Decay of the second moment.")
    epsilon: PositiveFloat = Field(1e-7, description="Added to the divisor.")

    KERAS: ClassVar[str] = "Nadam"


@OPTIMIZERS.register
class Adafactor(Optimizer):
    """Adam with factored second moments, for little memory (Shazeer & Stern 2018)."""

    type: Literal["adafactor"] = "adafactor"
    beta_2_decay: float = Field(-0.8, description="Power by which the decay of the second moment grows.")
    epsilon_1: PositiveFloat = Field(1e-30, description="Added to the squared gradient.")
    epsilon_2: PositiveFloat = Field(1e-3, description="Least scale of a parameter.")
    clip_threshold: PositiveFloat = Field(1.0, description="Bound on the size of a step.")
    relative_step: bool = Field(True, description="Scale the rate down as one over the root of the step.")

    KERAS: ClassVar[str] = "Adafactor"


@OPTIMIZERS.register
class Lion(Optimizer):
    """Steps by the sign of the momentum (Chen et al. 2023)."""

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
    epsilon: PositiveFloat = Field(1e-7, description="Added to the divisor.")

    KERAS: ClassVar[str] = "Lamb"


@OPTIMIZERS.register
class Ftrl(Optimizer):
    """Follow the regularized leader, for sparse linear models (McMahan et al. 2013)."""

    type: Literal["ftrl"] = "ftrl"
    learning_rate_power: Annotated[float, Field(le=0)] = Field(-0.5, description="Power by which the rate falls.")
    initial_accumulator_value: NonNegative = Field(0.1, description="Where the sums start.")
    l1_regularization_strength: NonNegative = Field(0.0, description="L1 penalty.")
    l2_regularization_strength: NonNegative = Field(0.0, description="L2 penalty.")
    l2_shrinkage_regularization_strength: NonNegative = Field(
        0.0, description="L2 penalty on the size of weights alone."
    )
    beta: NonNegative = Field(0.0, description="Beta of the paper.")

    KERAS: ClassVar[str] = "Ftrl"


@OPTIMIZERS.register
class Muon(Optimizer):
    """Momentum made orthogonal for matrices, Adam for the rest (Jordan et al. 2024)."""

    type: Literal["muon"] = "muon"
    weight_decay: NonNegative | None = Field(0.004, description="Decoupled weight decay.")
    adam_beta_1: Rate = Field(0.9, description="Decay of the first moment where Adam is used.")
    adam_beta_2: Rate = Field(0.999, description="Decay of the second moment where Adam is used.")
    adam_weight_decay: NonNegative = Field(0.004, description="Decoupled weight decay where Adam is used.")
    epsilon: PositiveFloat = Field(1e-7, description="Added to the divisor.")
    exclude_layers: Annotated[tuple[str, ...], BeforeValidator(as_tuple)] | None = Field(
        None, description="Patterns of layer names for which Adam is used."
    )
    exclude_embeddings: bool = Field(True, description="Use Adam for embeddings.")
    muon_a: float = Field(3.4445, description="First coefficient of the Newton-Schulz iteration.")
    muon_b: float = Field(-4.7750, description="Its second coefficient.")
    muon_c: float = Field(2.0315, description="Its third coefficient.")
    adam_lr_ratio: PositiveFloat = Field(1.0, description="Learning rate where Adam is used, as a multiple.")
    momentum: Momentum = Field(0.95, description="Share of the last step that goes into this one.")
    ns_steps: Positive = Field(5, description="Newton-Schulz iterations.")
    nesterov: bool = Field(True, description="Nesterov's momentum.")
    rms_rate: PositiveFloat | None = Field(0.2, description="Scale of a step, as a root mean square.")

    KERAS: ClassVar[str] = "Muon"


@OPTIMIZERS.register
class ScheduleFreeAdamw(Optimizer):
    """AdamW that is measured and used with the average of its weights, and needs no schedule (Defazio et al. 2024).

    Batch normalization keeps statistics of the weights that steps are taken at, so first epochs may look worse than they
    are. All steps weigh alike in the average, whatever their rate.
    """

    type: Literal["schedule_free_adamw"] = "schedule_free_adamw"
    learning_rate: PositiveFloat = Field(0.0025, description="Peak learning rate; the schedule scales it.")
    beta_1: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.9, description="Share of the average in the weights that gradients are taken at."
    )
    beta_2: Rate = Field(0.999, description="Decay of the second moment.")
    epsilon: PositiveFloat = Field(1e-8, description="Added to the divisor.")
    warmup_steps: Annotated[int, Field(ge=0)] = Field(0, description="Updates of a warm-up of its own.")

    KERAS: ClassVar[str] = "ScheduleFreeAdamW"

    def check_length(self, updates: int) -> Iterator[Issue]:
        if self.warmup_steps >= updates:
            yield ("warmup_steps",), f"a warm-up of {self.warmup_steps} updates leaves nothing of the run's {updates}"

    @model_validator(mode="after")
    def _keeps_its_average(self) -> ScheduleFreeAdamw:
        why = "would overwrite the average that schedule_free_adamw keeps; leave it out"
        wrong = self.use_ema and self.ema_overwrite_frequency is not None
        return validate(self, lambda _: [(("ema_overwrite_frequency",), why)] if wrong else [])

    def notices(self) -> Iterator[str]:
        yield from super().notices()
        if self.use_ema:
            yield "use_ema: schedule_free_adamw keeps an average itself; now the moving average is measured instead"

    def keras_class(self) -> Callable[..., keras.optimizers.Optimizer]:
        from deepcli.nn.schedule_free import ScheduleFreeAdamW

        return ScheduleFreeAdamW
