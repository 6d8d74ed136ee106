"""Recurrent layers of a `sequential` model, in one direction or both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from deepcli.data.signature import Signature
from deepcli.models.activations import Activation, ActivationField, Sigmoid, Tanh
from deepcli.models.initializers import GlorotUniform, InitializerField, Orthogonal
from deepcli.models.stack.base import LAYERS, STEPS, Layer, Shape, Weighted
from deepcli.spec.fields import Positive, Rate
from deepcli.spec.registry import Issue

if TYPE_CHECKING:
    import keras


class Reading(Layer):
    """A layer that reads steps in order and returns the last state, or all of them."""

    AXES: ClassVar[tuple[str, ...]] = STEPS


class Recurrent(Reading, Weighted):
    """A recurrent layer; cuDNN needs the default activations and no recurrent dropout."""

    units: Positive = Field(64, description="Width of the state.")
    activation: ActivationField = Field(Tanh(), description="Activation of the cell.")
    kernel_initializer: InitializerField = Field(GlorotUniform(), description="Initializer for the kernel.")
    recurrent_initializer: InitializerField = Field(Orthogonal(), description="Initializer for the recurrent kernel.")
    return_sequences: bool = Field(False, description="Return every step, as a recurrent layer after this one needs.")
    dropout: Rate = Field(0.0, description="Fraction of the inputs dropped during training.")
    recurrent_dropout: Rate = Field(0.0, description="Fraction of the recurrent state dropped during training.")

    def check(self) -> Iterator[Issue]:
        yield from super().check()
        for name, activation in self._activations():
            if activation.trainable:
                yield (name,), f"{activation.type} has trainable weights, which a recurrent cell cannot hold"

    def output(self, shape: Shape) -> Shape:
        return (shape[0], self.units) if self.return_sequences else (self.units,)

    def arguments(self) -> dict[str, Any]:
        return {**super().arguments(), **{name: activation.function() for name, activation in self._activations()}}

    def _activations(self) -> Iterator[tuple[str, Activation]]:
        for name in type(self).model_fields:
            if isinstance(value := getattr(self, name), Activation):
                yield name, value


class Gated(Recurrent):
    """A recurrent layer with gates."""

    recurrent_activation: ActivationField = Field(Sigmoid(), description="Activation of the gates.")

    HOME: ClassVar[str] = "deepcli.nn.recurrent"


@LAYERS.register
class SimpleRnn(Recurrent):
    """Simple recurrent layer (Elman 1990)."""

    type: Literal["simple_rnn"] = "simple_rnn"

    KERAS: ClassVar[str] = "SimpleRNN"


@LAYERS.register
class Lstm(Gated):
    """Long short-term memory (Hochreiter & Schmidhuber 1997)."""

    type: Literal["lstm"] = "lstm"

    KERAS: ClassVar[str] = "LSTM"


@LAYERS.register
class Gru(Gated):
    """Gated recurrent units (Cho et al. 2014)."""

    type: Literal["gru"] = "gru"

    KERAS: ClassVar[str] = "GRU"


@LAYERS.register
class Bidirectional(Reading):
    """Two recurrent layers of one kind, one reading forwards and one backwards (Schuster & Paliwal 1997)."""

    type: Literal["bidirectional"] = "bidirectional"
    layer: Annotated[Layer, LAYERS] = Field(
        Lstm(), description="The recurrent layer; each direction has its own weights."
    )
    merge_mode: Literal["concat", "sum", "mul", "ave"] = Field("concat", description="How both directions are merged.")

    KERAS: ClassVar[str] = "Bidirectional"

    def check(self) -> Iterator[Issue]:
        if not isinstance(self.layer, Recurrent):
            yield ("layer",), f"should be a recurrent layer, not {self.layer.type}"
        for path, why in self.layer.check():
            yield ("layer", *path), why

    def output(self, shape: Shape) -> Shape:
        *steps, units = self.layer.output(shape)
        return (*steps, 2 * units if self.merge_mode == "concat" else units)

    def build(self, name: str, signature: Signature) -> keras.layers.Layer:
        import keras

        # Keras builds both directions from this layer's config. Initializers in it have no seed, so their weights differ.
        layer = self.layer.build(f"{name}_{self.layer.type}", signature)
        return keras.layers.Bidirectional(layer, merge_mode=self.merge_mode, name=name)
