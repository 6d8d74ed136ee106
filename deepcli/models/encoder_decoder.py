"""The transformer of pairs: an encoder of the input, and a decoder that looks back, and at the encoder.

Training and writing token by token are the same walk over the same layers, as in `decoder`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from deepcli.data.signature import Signature
from deepcli.models.base import Translator
from deepcli.models.heads import Head
from deepcli.models.inputs import vocabulary_of
from deepcli.models.pair_inputs import pair_input, pair_sides, real_steps, varied
from deepcli.models.transformer_blocks import TransformerBlocks, positions

if TYPE_CHECKING:
    import keras

    from deepcli.models.transformer import Transformer

    Make = Callable[[], keras.layers.Layer]
    Attend = Callable[[keras.layers.Layer, Any, int], Any]


@dataclass
class PairWalk(TransformerBlocks):
    """The layers of an encoder and a decoder in the order in which they compute.

    Attributes:
        signature: The data.
        vary: Adds what else varies embeddings in training.
    """

    signature: Signature
    vary: Callable[[Any], Any]

    @property
    def one_embedding(self) -> bool:
        """Whether both sides and the output share one matrix."""
        return self.spec.tie_embeddings and self.signature.shared

    def embedding(self, side: str) -> Any:
        """Return the embedding of a side, `source` or `target`."""
        name = "embedding" if self.one_embedding else f"{side}_embedding"
        size = vocabulary_of(self.signature) if side == "source" else self.signature.classes
        return self.find(name, lambda: _embedding(self.spec, size, name))

    def embedded(self, layer: Any, ids: Any) -> Any:
        """Embed ids; the vectors are as long as the waves of positions, as in the paper."""
        return self.vary(layer(ids) * self.spec.hidden_dim**0.5)

    def positions(self, side: str) -> Any:
        """Return the layer of the positions of a side."""
        longest = self.signature.shape[0 if side == "source" else 1] or 1
        return self.find(f"{side}_positions", lambda: positions(self.spec, longest, f"{side}_positions"))

    def encode(self, ids: Any, real: Any) -> Any:
        """Compute from the ids of inputs (batch, steps) to what the decoder looks at (batch, steps, width)."""
        x = self.drop(self.positions("source")(self.embedded(self.embedding("source"), ids)))
        for index in range(self.spec.encoder_blocks):
            name = f"encoder_{index + 1}"
            x = self.sublayer(x, f"{name}_attention", partial(self._look, name=f"{name}_attention", real=real))
            x = self.sublayer(x, f"{name}_feed_forward", partial(self.feed_forward, name=name))
        return self.finished(x, "encoder")

    def decode(self, x: Any, look_back: Attend, look_across: Attend) -> Any:
        """Compute from embedded targets with positions to the inputs of the output layer (batch, steps, width)."""
        x = self.drop(x)
        for index in range(self.spec.decoder_blocks):
            name = f"decoder_{index + 1}"
            back, across = (self._attention(f"{name}_{kind}", kind) for kind in ("attention", "cross"))
            x = self.sublayer(x, f"{name}_attention", partial(look_back, back, index=index))  # type: ignore[call-arg]
            x = self.sublayer(x, f"{name}_cross", partial(look_across, across, index=index))  # type: ignore[call-arg]
            x = self.sublayer(x, f"{name}_feed_forward", partial(self.feed_forward, name=name))
        return self.finished(x, "decoder")

    def logits(self, x: Any, head: Head | None = None) -> Any:
        """Compute the logits of the tokens of targets."""
        if self.spec.tie_embeddings:
            return self.embedding("target")(x, reverse=True)
        return self.spec.dense_output(x, head) if head else self.find("output", _never)(x)

    def _look(self, x: Any, name: str, real: Any) -> Any:
        return self._attention(name, "encoder")(x, real)

    def _attention(self, name: str, kind: str) -> Any:
        return self.find(name, lambda: _attention(self.spec, name, kind))


def build_encoder_decoder(spec: Transformer, signature: Signature, head: Head) -> keras.Model:
    """Build the model: int32 rows of pairs (batch, steps) to logits of the targets (batch, steps, vocabulary)."""
    import keras

    rate = spec.regularization.dropout
    made: dict[str, keras.layers.Layer] = {}

    def find(name: str, make: Make) -> keras.layers.Layer:
        if name not in made:
            made[name] = make()
        return made[name]

    drop = (lambda x: keras.layers.Dropout(rate)(x)) if rate else _same
    walk = PairWalk(spec, find, drop, signature, lambda x: varied(x, spec.regularization))
    rows, sides = pair_input(signature)
    encoded = walk.encode(sides.source, sides.real)
    x = walk.positions("target")(walk.embedded(walk.embedding("target"), sides.target))
    x = walk.decode(x, lambda layer, x, index: layer(x), lambda layer, x, index: layer(x, encoded, sides.real))
    logits = walk.logits(x, head)
    if spec.tie_embeddings:
        logits = keras.layers.Activation("linear", dtype="float32", name="output")(logits)
    return keras.Model(rows, logits, name="transformer")


def transformer_translator(spec: Transformer, model: keras.Model, signature: Signature) -> Translator:
    """Return what writes targets token by token, from the keys and values of the tokens before and of the input."""
    walk = PairWalk(spec, lambda name, make: model.get_layer(name), _same, signature, _same)
    longest, width = signature.shape[1] or 1, spec.hidden_dim // spec.num_heads
    blocks = range(spec.decoder_blocks)

    def begin(rows: Any) -> tuple[Any, ...]:
        from keras import ops

        sides = pair_sides(model.get_layer("sides"), real_steps, rows)
        encoded = walk.encode(sides.source, sides.real)
        cross = [one for index in blocks for one in model.get_layer(f"decoder_{index + 1}_cross").remembered(encoded)]
        empty = ops.zeros((ops.shape(rows)[0], spec.num_heads, longest, width), encoded.dtype)
        return (sides.real, *cross, *([empty] * (2 * len(blocks))))

    def step(tokens: Any, before: Any, state: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
        real, cross, own = state[0], state[1 : 1 + 2 * len(blocks)], list(state[1 + 2 * len(blocks) :])

        def look_back(layer: Any, x: Any, index: int) -> Any:
            x, *own[2 * index : 2 * index + 2] = layer.step(x, before, *own[2 * index : 2 * index + 2])
            return x

        def look_across(layer: Any, x: Any, index: int) -> Any:
            return layer.recall(x, *cross[2 * index : 2 * index + 2], real)

        x = walk.positions("target").step(walk.embedded(walk.embedding("target"), tokens), before)
        return walk.logits(walk.decode(x, look_back, look_across))[:, -1], (real, *cross, *own)

    def attention(rows: Any) -> Any:
        sides = pair_sides(model.get_layer("sides"), real_steps, rows)
        encoded, found = walk.encode(sides.source, sides.real), []

        def look_across(layer: Any, x: Any, index: int) -> Any:
            keys, values = layer.remembered(encoded)
            found.append(layer.weights_of(x, keys, sides.real))
            return layer.recall(x, keys, values, sides.real)

        x = walk.positions("target")(walk.embedded(walk.embedding("target"), sides.target))
        walk.decode(x, lambda layer, x, index: layer(x), look_across)
        return sum(found) / len(found)

    return Translator(longest, begin, step, attention)


def _same(x: Any) -> Any:
    return x


def _never() -> keras.layers.Layer:
    raise AssertionError("the output layer is taken from a model")


def _embedding(spec: Transformer, size: int, name: str) -> keras.layers.Layer:
    import keras

    from deepcli.nn.causal_attention import TokenEmbedding

    usual = keras.initializers.RandomNormal(stddev=spec.hidden_dim**-0.5)
    initializer = spec.embeddings_initializer.build() if spec.embeddings_initializer else usual
    return TokenEmbedding(size, spec.hidden_dim, embeddings_initializer=initializer, name=name)


def _attention(spec: Transformer, name: str, kind: str) -> keras.layers.Layer:
    from deepcli.nn import causal_attention, pair_layers

    kinds = {
        "encoder": pair_layers.EncoderAttention,
        "attention": causal_attention.CausalSelfAttention,
        "cross": pair_layers.CrossAttention,
    }
    return kinds[kind](
        spec.num_heads,
        kernel_initializer=spec.kernel_initializer.build(),
        bias_initializer=spec.bias_initializer.build(),
        **spec.regularization.on_weights(),
        name=name,
    )
