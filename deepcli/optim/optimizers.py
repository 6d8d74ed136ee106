"""Optimizers that a spec can name; fields and defaults are Keras's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from deepcli.fields import NonNegative, Positive, PositiveFloat, Rate
from deepcli.registry import Component, Misfit, Registry, checked

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
    ema_momentum: Momentum = Field(0.99, description="Share of the average kept at each step.")
    ema_overwrite_frequency: Positive | None = Field(
        None, description="Every so many steps the weights become their average."
    )
    loss_scale_factor: PositiveFloat | None = Field(None, description="Factor on the loss against underflow.")
    gradient_accumulation_steps: Annotated[int, Field(ge=2)] | None = Field(
        None, description="Batches whose gradients make one step."
    )

    KERAS: ClassVar[str]

    @model_validator(mode="after")
    def _fits_itself(self) -> Optimizer:
        return checked(self, Optimizer.check)

    def check(self) -> Iterator[Misfit]:
        """Yield the fields that contradict each other."""
        clips = [name for name in ("clipnorm", "clipvalue", "global_clipnorm") if getattr(self, name) is not None]
        if len(clips) > 1:
            yield (clips[1],), f"only one of clipnorm, clipvalue and global_clipnorm can be set; {clips[0]} is set too"

    def build(self, learning_rate: keras.optimizers.schedules.LearningRateSchedule) -> keras.optimizers.Optimizer:
        """Build the Keras optimizer.

        Args:
            learning_rate: The schedule; it replaces the `learning_rate` field, its peak.
        """
        import keras

        fields = self.model_dump(exclude={"type", "learning_rate"})
        return getattr(keras.optimizers, self.KERAS)(learning_rate=learning_rate, **fields)


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
        return checked(
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
