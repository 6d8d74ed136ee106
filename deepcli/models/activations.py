"""Activations that a spec can name; each gives a function for recurrent cells and a layer for everything else."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from deepcli.models.initializers import InitializerField, Zeros
from deepcli.spec.fields import NonNegative, PositiveFloat
from deepcli.spec.registry import Component, Registry

if TYPE_CHECKING:
    import keras


class Activation(Component):
    """An activation function. Those with parameters carry them as fields, named as in Keras."""

    trainable: ClassVar[bool] = False
    """Whether it has trainable weights, and so exists only as a layer."""

    never_negative: ClassVar[bool] = False
    """Whether its values are at least zero for every input, with its default parameters."""

    increasing: ClassVar[bool] = False
    """Whether a larger input never gives a smaller value, with its default parameters."""

    def is_monotonic(self) -> bool:
        """Return whether the largest input gives the largest output, so that max pooling may come first."""
        return self.increasing and not self.model_dump(exclude={"type"}, exclude_defaults=True)

    def can_be_negative(self) -> bool:
        """Return whether a value below zero is possible."""
        return not self.never_negative

    def function(self) -> Callable[..., Any]:
        """Return the function on tensors."""
        import keras

        parameters = self.model_dump(exclude={"type"}, exclude_defaults=True)
        if parameters:
            from deepcli.nn.activations import ParametricActivation

            return ParametricActivation(self.type, parameters)
        function: Callable[..., Any] = keras.activations.get(self.type)
        return function

    def layer(self, name: str | None = None) -> keras.layers.Layer:
        """Build the layer that applies it."""
        import keras

        return keras.layers.Activation(self.function(), name=name)


ACTIVATIONS: Registry[Activation] = Registry("activations")


@ACTIVATIONS.register
class Linear(Activation):
    """The identity: no activation at all."""

    type: Literal["linear"] = "linear"

    increasing: ClassVar[bool] = True


@ACTIVATIONS.register
class Sigmoid(Activation):
    """Logistic function, 1 / (1 + exp(-x))."""

    type: Literal["sigmoid"] = "sigmoid"

    never_negative: ClassVar[bool] = True
    increasing: ClassVar[bool] = True


@ACTIVATIONS.register
class Tanh(Activation):
    """Hyperbolic tangent."""

    type: Literal["tanh"] = "tanh"

    increasing: ClassVar[bool] = True


@ACTIVATIONS.register
class Relu(Activation):
    """Rectified linear unit, max(x, 0) (Nair & Hinton 2010)."""

    type: Literal["relu"] = "relu"
    negative_slope: NonNegative = Field(0.0, description="Slope on the negative side.")
    max_value: PositiveFloat | None = Field(None, description="Larger values are clipped to this.")
    threshold: NonNegative = Field(0.0, description="Smaller inputs follow the negative slope.")

    never_negative: ClassVar[bool] = True
    increasing: ClassVar[bool] = True

    def can_be_negative(self) -> bool:
        return self.negative_slope > 0


@ACTIVATIONS.register
class Relu6(Activation):
    """Rectified linear unit clipped at 6 (Krizhevsky 2010)."""

    type: Literal["relu6"] = "relu6"

    never_negative: ClassVar[bool] = True
    increasing: ClassVar[bool] = True


@ACTIVATIONS.register
class LeakyRelu(Activation):
    """Rectified linear unit with a small slope on the negative side (Maas et al. 2013)."""

    type: Literal["leaky_relu"] = "leaky_relu"
    negative_slope: NonNegative = Field(0.2, description="Slope on the negative side.")

    increasing: ClassVar[bool] = True


@ACTIVATIONS.register
class Elu(Activation):
    """Exponential linear unit (Clevert et al. 2015)."""

    type: Literal["elu"] = "elu"
    alpha: NonNegative = Field(1.0, description="Outputs approach -alpha for very negative inputs.")

    increasing: ClassVar[bool] = True


@ACTIVATIONS.register
class Selu(Activation):
    """Scaled exponential linear unit, self-normalizing with lecun_normal (Klambauer et al. 2017)."""

    type: Literal["selu"] = "selu"

    increasing: ClassVar[bool] = True


@ACTIVATIONS.register
class Celu(Activation):
    """Continuously differentiable exponential linear unit (Barron 2017)."""

    type: Literal["celu"] = "celu"
    alpha: PositiveFloat = Field(1.0, description="Outputs approach -alpha for very negative inputs.")

    increasing: ClassVar[bool] = True


@ACTIVATIONS.register
class Gelu(Activation):
    """Gaussian error linear unit (Hendrycks & Gimpel 2016)."""

    type: Literal["gelu"] = "gelu"
    approximate: bool = Field(False, description="Use the tanh approximation.")


@ACTIVATIONS.register
class Silu(Activation):
    """Sigmoid-weighted linear unit, x * sigmoid(x), also called swish (Elfwing et al. 2017)."""

    type: Literal["silu"] = "silu"


@ACTIVATIONS.register
class Mish(Activation):
    """Smooth rectifier, x * tanh(softplus(x)) (Misra 2019)."""

    type: Literal["mish"] = "mish"


@ACTIVATIONS.register
class Softmax(Activation):
    """Exponentials, scaled to sum to one."""

    type: Literal["softmax"] = "softmax"
    axis: int = Field(-1, description="Axis along which the outputs sum to one.")

    never_negative: ClassVar[bool] = True


@ACTIVATIONS.register
class Softplus(Activation):
    """Smooth rectifier, log(1 + exp(x))."""

    type: Literal["softplus"] = "softplus"

    never_negative: ClassVar[bool] = True
    increasing: ClassVar[bool] = True


@ACTIVATIONS.register
class Softsign(Activation):
    """Tanh's shape without exponentials, x / (1 + |x|)."""

    type: Literal["softsign"] = "softsign"

    increasing: ClassVar[bool] = True


@ACTIVATIONS.register
class HardSigmoid(Activation):
    """Piecewise linear sigmoid, relu6(x + 3) / 6."""

    type: Literal["hard_sigmoid"] = "hard_sigmoid"

    never_negative: ClassVar[bool] = True
    increasing: ClassVar[bool] = True


@ACTIVATIONS.register
class HardSilu(Activation):
    """Piecewise SiLU, x * hard_sigmoid(x), also called hard swish (Howard et al. 2019)."""

    type: Literal["hard_silu"] = "hard_silu"


@ACTIVATIONS.register
class HardTanh(Activation):
    """Piecewise linear tanh: the input clipped to [-1, 1]."""

    type: Literal["hard_tanh"] = "hard_tanh"

    increasing: ClassVar[bool] = True


@ACTIVATIONS.register
class LogSigmoid(Activation):
    """Logarithm of the sigmoid."""

    type: Literal["log_sigmoid"] = "log_sigmoid"

    increasing: ClassVar[bool] = True


@ACTIVATIONS.register
class Exponential(Activation):
    """Exponential function."""

    type: Literal["exponential"] = "exponential"

    never_negative: ClassVar[bool] = True
    increasing: ClassVar[bool] = True


@ACTIVATIONS.register
class Prelu(Activation):
    """Leaky rectified linear unit whose slopes are trained, one per channel (He et al. 2015)."""

    type: Literal["prelu"] = "prelu"
    alpha_initializer: InitializerField = Field(Zeros(), description="Initial slopes on the negative side.")

    trainable: ClassVar[bool] = True

    def function(self) -> Callable[..., Any]:
        raise TypeError("prelu has trainable weights and exists only as a layer")

    def layer(self, name: str | None = None) -> keras.layers.Layer:
        from deepcli.nn.activations import ChannelPReLU

        return ChannelPReLU(self.alpha_initializer.build(), name=name)


ActivationField = Annotated[Activation, ACTIVATIONS]
