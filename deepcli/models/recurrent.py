"""Recurrent networks: simple RNN, LSTM and GRU, stacked and bidirectional."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from deepcli.data.signature import Signature
from deepcli.models.activations import ActivationField, Tanh
from deepcli.models.base import MODELS, Stepper, Translator
from deepcli.models.heads import Head
from deepcli.models.initializers import InitializerField, Orthogonal
from deepcli.models.inputs import Sequence, noisy, normalized, row_input, text_input, token_input, vocabulary_of
from deepcli.models.regularization import Regularization, penalty
from deepcli.models.takes_series import TakesSeries
from deepcli.spec.fields import NonNegative, Rate, Stack
from deepcli.spec.registry import Issue

if TYPE_CHECKING:
    import keras


class RecurrentRegularization(Regularization):
    """Regularization of a recurrent network."""

    recurrent_l2: NonNegative = Field(0.0, description="L2 penalty on recurrent kernels.")
    recurrent_dropout: Rate = Field(
        0.0, description="Fraction of each layer's recurrent state dropped during training."
    )


class Recurrent(TakesSeries):
    """Recurrent layers over an image's rows, a text's tokens or a series' steps; the output layer reads the last real step.

    In a language model it reads every step. Layers run without a mask over sequences padded on the right, so that cuDNN can be used. The backward direction
    reverses each sequence within its own length.
    """

    kinds: ClassVar[tuple[str, ...]] = ("image", "tokens", "text", "series", "pairs")

    units: Stack = Field((64,), description="Width of each layer in the stack.")
    bidirectional: bool = Field(False, description="Read each sequence in both directions.")
    merge_mode: Literal["concat", "sum", "mul", "ave"] = Field("concat", description="How both directions are merged.")
    activation: ActivationField = Field(Tanh(), description="Activation of the cell; cuDNN supports only tanh.")
    recurrent_initializer: InitializerField = Field(Orthogonal(), description="Initializer for recurrent kernels.")
    attention: Literal["dot", "additive", "none"] | None = Field(
        None,
        description="How the decoder of a model of pairs attends to the encoder: dot (Luong et al. 2015), additive (Bahdanau et "
        "al. 2015), or none, which begins from the encoder's last state alone; null means dot. Pairs only.",
    )
    regularization: RecurrentRegularization = Field(
        RecurrentRegularization(), description="Dropout applies to each layer's inputs."
    )

    @property
    def compiles_with_xla(self) -> bool:
        return False

    def check(self, signature: Signature) -> Iterator[Issue]:
        yield from super().check(signature)
        if self.activation.trainable:
            yield ("activation",), f"{self.activation.type} has trainable weights, which a recurrent cell cannot hold"
        if self.merge_mode != "concat" and not self.bidirectional:
            yield ("merge_mode",), "needs `bidirectional: true`; one direction has nothing to merge"
        if self.regularization.dropconnect:
            yield (
                ("regularization", "dropconnect"),
                "recurrent layers run as one fused operation, which cannot drop weights; use dropout or recurrent_dropout",
            )
        if signature.kind == "text":
            yield from self._text_issues()
        if signature.kind == "pairs":
            yield from self._pair_issues()
        elif self.attention is not None:
            yield ("attention",), "is for pairs of texts; leave it out"
        padded = signature.kind == "tokens" or (signature.kind == "series" and signature.series is None)
        if padded and self.regularization.normalization == "group":
            yield (
                ("regularization", "normalization"),
                f"group normalization would mix padding into a sequence; use batch or layer on {signature.kind}",
            )

    def _text_issues(self) -> Iterator[Issue]:
        if self.bidirectional:
            yield ("bidirectional",), "reads the tokens that a language model should predict; set it to false"
        if self.regularization.normalization == "group":
            why = "group normalization would mix later tokens into earlier ones; use layer in a language model"
            yield ("regularization", "normalization"), why

    def _pair_issues(self) -> Iterator[Issue]:
        if self.regularization.normalization in ("batch", "group"):
            why = (
                f"{self.regularization.normalization} normalization would mix later tokens into earlier ones; use layer"
            )
            yield ("regularization", "normalization"), why

    @property
    def pair_attention(self) -> Literal["dot", "additive", "none"]:
        """How the decoder of a model of pairs attends to the encoder."""
        return self.attention or "dot"

    def build(self, signature: Signature, head: Head) -> keras.Model:
        import keras

        if signature.kind == "pairs":
            from deepcli.models.recurrent_pairs import build_recurrent_pairs

            return build_recurrent_pairs(self, signature, head)
        if signature.kind == "text":
            return self._build_text(signature, head)
        moments = None
        if signature.kind == "series":
            inputs, sequence, moments = self.series_sequence(signature, self.regularization)
        elif signature.kind == "image":
            inputs, sequence = row_input(signature, self.regularization)
        else:
            inputs, sequence = token_input(signature, self, self.regularization)
        for index, units in enumerate(self.units, start=1):
            last = index == len(self.units)
            sequence = sequence.of(self.layer(sequence, units, f"{self.type}_{index}", last))
            x = normalized(sequence, self.regularization.normalization, f"{self.type}_{index}_normalization")
            sequence = sequence.of(x)
        return keras.Model(inputs, self.series_output(sequence.x, head, moments), name=self.type)

    def _build_text(self, signature: Signature, head: Head) -> keras.Model:
        """Build a language model: a chain of layers, of which each gives every step."""
        import keras

        inputs = text_input(signature)
        x = noisy(self.embedding(vocabulary_of(signature))(inputs), self.regularization)
        if self.regularization.spatial_dropout:
            x = keras.layers.SpatialDropout1D(self.regularization.spatial_dropout, name="embedding_dropout")(x)
        for index, units in enumerate(self.units, start=1):
            x = self.cell(units, True, f"{self.type}_{index}")(x)
            x = normalized(Sequence(x), self.regularization.normalization, f"{self.type}_{index}_normalization")
        return keras.Model(inputs, self.dense_output(x, head), name=self.type)

    def stepper(self, model: keras.Model, signature: Signature) -> Stepper:
        each = 2 if self.type == "lstm" else 1
        shapes = tuple((units,) for units in self.units for _ in range(each))

        def step(tokens: Any, before: Any, state: Any) -> Any:
            from keras import ops

            x, left, after = ops.cast(tokens, "int32"), list(state), []
            for layer in model.layers[1:]:
                if hasattr(layer, "inner_loop"):
                    own, left = [ops.cast(one, layer.compute_dtype) for one in left[:each]], left[each:]
                    _, x, last = layer.inner_loop(x, own, mask=None, training=False)
                    after += list(last)
                else:
                    x = layer(x)
            return x, tuple(after)

        return Stepper(shapes, None, step)

    def translator(self, model: keras.Model, signature: Signature) -> Translator:
        from deepcli.models.recurrent_pairs import recurrent_translator

        return recurrent_translator(self, model, signature)

    def layer(self, sequence: Sequence, units: int, name: str, last: bool) -> keras.KerasTensor:
        """Run one layer, in both directions if asked; the last returns (batch, units), the others every step."""
        import keras

        forward = self._direction(sequence, units, last, name)
        if not self.bidirectional:
            return forward
        backward = self._direction(_reversed(sequence), units, last, f"{name}_backward")
        if not last:
            backward = _reversed(sequence.of(backward)).x
        merge = {
            "concat": keras.layers.Concatenate,
            "sum": keras.layers.Add,
            "mul": keras.layers.Multiply,
            "ave": keras.layers.Average,
        }
        return merge[self.merge_mode](name=f"{name}_merge")([forward, backward])

    def _direction(self, sequence: Sequence, units: int, last: bool, name: str) -> keras.KerasTensor:
        from deepcli.nn import sequences

        padded = sequence.lengths is not None
        x = self.cell(units, not last or padded, name)(sequence.x)
        return sequences.LastStep(name=f"{name}_last")(x, sequence.lengths) if last and padded else x

    def cell(self, units: int, return_sequences: bool, name: str) -> keras.layers.Layer:
        """Build a recurrent layer."""
        import keras

        from deepcli.nn import recurrent

        layer = {"rnn": keras.layers.SimpleRNN, "lstm": recurrent.LSTM, "gru": recurrent.GRU}[self.type]
        regularization = self.regularization
        arguments: dict[str, Any] = {
            "activation": self.activation.function(),
            "kernel_initializer": self.kernel_initializer.build(),
            "recurrent_initializer": self.recurrent_initializer.build(),
            "bias_initializer": self.bias_initializer.build(),
            "dropout": regularization.dropout,
            "recurrent_dropout": regularization.recurrent_dropout,
            "recurrent_regularizer": penalty(0.0, regularization.recurrent_l2),
            **regularization.on_weights(),
        }
        return layer(units, return_sequences=return_sequences, name=name, **arguments)


def _reversed(sequence: Sequence) -> Sequence:
    from keras import ops

    from deepcli.nn import sequences

    if sequence.lengths is None:
        return sequence.of(ops.flip(sequence.x, axis=1))
    return sequence.of(sequences.ReverseSequence()(sequence.x, sequence.lengths))


@MODELS.register
class Rnn(Recurrent):
    """Simple recurrent layers (Elman 1990) over rows or tokens."""

    type: Literal["rnn"] = "rnn"


@MODELS.register
class Lstm(Recurrent):
    """Long short-term memory (Hochreiter & Schmidhuber 1997) over rows or tokens."""

    type: Literal["lstm"] = "lstm"


@MODELS.register
class Gru(Recurrent):
    """Gated recurrent units (Cho et al. 2014) over rows or tokens."""

    type: Literal["gru"] = "gru"
