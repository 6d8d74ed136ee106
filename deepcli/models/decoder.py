"""The transformer of a running text: a stack of blocks that look back only, whole or token by token.

Both are the same walk over the same layers: `build_decoder` makes them, `decoder_stepper` finds them in the model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from deepcli.data.signature import Signature
from deepcli.models.base import Stepper
from deepcli.models.heads import Head
from deepcli.models.inputs import noisy, text_input, vocabulary_of
from deepcli.models.transformer_blocks import TransformerBlocks, positions

if TYPE_CHECKING:
    import keras

    from deepcli.models.transformer import Transformer

    Make = Callable[[], keras.layers.Layer]


@dataclass
class _Walk(TransformerBlocks):
    """The layers of a decoder in the order in which they compute.

    Attributes:
        attend: Calls the attention of a block, by its number from 0.
        place: Calls the layer of positions.
    """

    attend: Callable[[keras.layers.Layer, Any, int], Any]
    place: Callable[[keras.layers.Layer, Any], Any]

    def blocks(self, x: Any, window: int) -> Any:
        """Compute from embedded tokens (batch, steps, width) to the inputs of the output layer."""
        spec = self.spec
        if spec.positions != "rotary":
            x = self.place(self.find("positions", lambda: positions(spec, window)), x)
        x = self.drop(x)
        for index in range(spec.num_layers):
            name = f"block_{index + 1}"
            x = self.sublayer(x, f"{name}_attention", partial(self._attention, name=name, index=index))
            x = self.sublayer(x, f"{name}_feed_forward", partial(self.feed_forward, name=name))
        return self.finished(x, "final")

    def _attention(self, x: Any, name: str, index: int) -> Any:
        return self.attend(self.find(f"{name}_attention", lambda: _attention(self.spec, f"{name}_attention")), x, index)


def build_decoder(spec: Transformer, signature: Signature, head: Head) -> keras.Model:
    """Build the model: int32 windows (batch, window) to logits (batch, window, vocabulary)."""
    import keras

    inputs, rate = text_input(signature), spec.regularization.dropout
    walk = _Walk(
        spec,
        lambda name, make: make(),
        lambda x: keras.layers.Dropout(rate)(x) if rate else x,
        lambda layer, x, index: layer(x),
        lambda layer, x: layer(x),
    )
    embedding = _embedding(spec, signature)
    x = noisy(embedding(inputs), spec.regularization)
    if spec.regularization.spatial_dropout:
        x = keras.layers.SpatialDropout1D(spec.regularization.spatial_dropout, name="embedding_dropout")(x)
    x = walk.blocks(x, signature.shape[0] or 1)
    if not spec.tie_embeddings:
        return keras.Model(inputs, spec.dense_output(x, head), name="transformer")
    logits = embedding(x, reverse=True)
    return keras.Model(
        inputs, keras.layers.Activation("linear", dtype="float32", name="output")(logits), name="transformer"
    )


def decoder_stepper(spec: Transformer, model: keras.Model, signature: Signature) -> Stepper:
    """Return what computes the logits of further tokens from the keys and values of those before them."""
    window, width = signature.shape[0] or 1, spec.hidden_dim // spec.num_heads
    cache = (spec.num_heads, window, width)

    def step(tokens: Any, before: Any, state: Any) -> Any:
        after = list(state)

        def attend(layer: Any, x: Any, index: int) -> Any:
            x, *after[2 * index : 2 * index + 2] = layer.step(x, before, *after[2 * index : 2 * index + 2])
            return x

        walk = _Walk(
            spec,
            lambda name, make: model.get_layer(name),
            lambda x: x,
            attend,
            lambda layer, x: layer.step(x, before),
        )
        embedding = model.get_layer("embedding")
        x = walk.blocks(embedding(tokens), window)
        return (embedding(x, reverse=True) if spec.tie_embeddings else model.get_layer("output")(x)), tuple(after)

    return Stepper((cache,) * (2 * spec.num_layers), window, step)


def _embedding(spec: Transformer, signature: Signature) -> keras.layers.Layer:
    if not spec.tie_embeddings:
        return spec.embedding(vocabulary_of(signature))
    from deepcli.nn.causal_attention import TokenEmbedding

    initializer = spec.embeddings_initializer.build() if spec.embeddings_initializer else "uniform"
    return TokenEmbedding(
        vocabulary_of(signature), spec.hidden_dim, embeddings_initializer=initializer, name="embedding"
    )


def _attention(spec: Transformer, name: str) -> keras.layers.Layer:
    from deepcli.nn.causal_attention import CausalSelfAttention

    return CausalSelfAttention(
        spec.num_heads,
        spec.positions == "rotary",
        kernel_initializer=spec.kernel_initializer.build(),
        bias_initializer=spec.bias_initializer.build(),
        **spec.regularization.on_weights(),
        name=name,
    )
