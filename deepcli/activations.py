"""Activations that a spec can name; each gives a function for recurrent cells and a layer for everything else."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from deepcli.fields import NonNegative
from deepcli.registry import Component, Registry

if TYPE_CHECKING:
    import keras


class Activation(Component):
    """An activation function. Those with parameters carry them as fields, named as in Keras."""

    def function(self) -> Callable[..., Any]:
        """Return the function on tensors."""
        import keras

        parameters = self.model_dump(exclude={"type"})
        if parameters:
            from deepcli.parametric import ParametricActivation

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


@ACTIVATIONS.register
class Relu(Activation):
    """Rectified linear unit, max(x, 0)."""

    type: Literal["relu"] = "relu"


@ACTIVATIONS.register
class Tanh(Activation):
    """Hyperbolic tangent."""

    type: Literal["tanh"] = "tanh"


@ACTIVATIONS.register
class Sigmoid(Activation):
    """Logistic function, 1 / (1 + exp(-x))."""

    type: Literal["sigmoid"] = "sigmoid"


@ACTIVATIONS.register
class Gelu(Activation):
    """Gaussian error linear unit (Hendrycks & Gimpel 2016)."""

    type: Literal["gelu"] = "gelu"
    approximate: bool = Field(False, description="Use the tanh approximation.")


@ACTIVATIONS.register
class LeakyRelu(Activation):
    """Rectified linear unit that lets a share of the negative side through (Maas et al. 2013)."""

    type: Literal["leaky_relu"] = "leaky_relu"
    negative_slope: NonNegative = Field(0.2, description="Slope on the negative side.")


ActivationField = Annotated[Activation, ACTIVATIONS]
