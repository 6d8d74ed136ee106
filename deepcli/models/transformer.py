"""Transformer: an encoder of tokens or of patches of images and series, or a decoder of a running text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from deepcli.data.signature import Signature
from deepcli.models.activations import ActivationField, Gelu
from deepcli.models.base import MODELS, Stepper, Translator
from deepcli.models.heads import Head
from deepcli.models.inputs import Sequence, image_input, token_input
from deepcli.models.regularization import Penalties
from deepcli.models.takes_series import Moments, TakesSeries
from deepcli.spec.fields import Positive
from deepcli.spec.registry import Issue

if TYPE_CHECKING:
    import keras

    _Sublayer = Callable[[keras.KerasTensor], keras.KerasTensor]

PATCH_SIZE = 4
PATCH_STEPS = 16
"""Steps of a patch of series; of a shorter series, all of them."""

ON_SERIES: dict[str, Any] = {"num_layers": 2, "num_heads": 4, "hidden_dim": 64, "regularization": {"dropout": 0.2}}


@MODELS.register
class Transformer(TakesSeries):
    """Blocks of self-attention and feed-forward layers (Vaswani et al. 2017).

    Images are cut into patches (Dosovitskiy et al. 2020), and so are series, by time (Nie et al. 2023). Padding is masked in
    attention and in pooling. In a language model attention looks back only, as in GPT (Radford et al. 2018). Pairs of texts
    have an encoder and a decoder.
    """

    kinds: ClassVar[tuple[str, ...]] = ("image", "tokens", "text", "series", "pairs")
    # As in Megatron-LM (Shoeybi et al. 2019): by heads and by units of the feed-forward layer.
    divided_axes: ClassVar[Mapping[str, tuple[int, int]]] = {
        "(query|key|value)[/_]kernel": (3, 1),
        "(query|key|value)[/_]bias": (2, 0),
        "attention_output[/_]kernel": (3, 0),
        "wide[/_]kernel": (2, 1),
        "wide[/_]bias": (1, 0),
        "narrow[/_]kernel": (2, 0),
    }

    type: Literal["transformer"] = "transformer"
    num_layers: Positive = Field(6, description="Number of encoder blocks.")
    encoder_layers: Positive | None = Field(
        None, description="Number of encoder blocks of a model of pairs; null means num_layers. Pairs only."
    )
    decoder_layers: Positive | None = Field(
        None, description="Number of decoder blocks of a model of pairs; null means num_layers. Pairs only."
    )
    num_heads: Positive = Field(8, description="Attention heads per block; must divide hidden_dim.")
    hidden_dim: Positive = Field(128, description="Width of the model.")
    intermediate_dim: Positive | None = Field(
        None, description="Width of the feed-forward layer; null means 4 * hidden_dim."
    )
    patch_size: Positive | None = Field(
        None,
        description=f"Side of an image patch, or steps of a patch of series; null means {PATCH_SIZE} and {PATCH_STEPS}. Images and "
        "series only.",
    )
    positions: Literal["learned", "sinusoidal", "rotary"] = Field(
        "learned", description="Position encoding; rotary (Su et al. 2021) is for language models."
    )
    normalize_first: bool = Field(
        True, description="Layer normalization before each sub-layer (pre-norm) instead of after it (post-norm)."
    )
    pooling: Literal["average", "max", "cls", "flatten"] = Field(
        "average",
        description="Pooling of all steps into one vector; `cls` reads a trained first token; `flatten` reads all patches of a "
        "window, for forecasting. Language models pool nothing.",
    )
    tie_embeddings: bool = Field(
        False,
        description="Whether the embedding also gives the logits of tokens (Press & Wolf 2017), and is that of inputs too if "
        "both sides of pairs share a vocabulary. Language models and pairs only.",
    )
    activation: ActivationField = Field(Gelu(), description="Activation of the feed-forward layers.")
    regularization: Penalties = Field(
        Penalties(), description="Dropout follows the embedding and each sub-layer, as in the paper."
    )

    @classmethod
    def starter(cls, kind: str) -> dict[str, Any]:
        return dict(ON_SERIES) if kind == "series" else {}

    @property
    def embedding_width(self) -> tuple[str, int]:
        return "hidden_dim", self.hidden_dim

    def check(self, signature: Signature) -> Iterator[Issue]:
        if self.embedding_dim is not None:
            yield ("embedding_dim",), "the embeddings of a transformer have the width hidden_dim; set that instead"
        else:
            yield from super().check(signature)
        yield from self.needs_any_shape()
        if self.hidden_dim % self.num_heads:
            yield ("num_heads",), f"{self.num_heads} heads do not divide hidden_dim {self.hidden_dim}"
        if signature.kind != "pairs":
            for field in ("encoder_layers", "decoder_layers"):
                if getattr(self, field) is not None:
                    yield (field,), "is for pairs of texts; set num_layers"
        if signature.kind == "text":
            yield from self._text_issues()
            return
        if signature.kind == "pairs":
            yield from self._pair_issues()
            return
        if self.positions == "rotary":
            yield ("positions",), "rotary positions are for language models; use learned or sinusoidal"
        if self.tie_embeddings:
            yield ("tie_embeddings",), "is for language models, whose outputs are tokens"
        if self.pooling == "flatten" and signature.predicted.kind != "series":
            yield ("pooling",), "`flatten` is for forecasting; use average, max or cls"
        if signature.kind == "series":
            if (self.patch_size or 1) > (signature.shape[0] or 1):
                yield ("patch_size",), f"patches of {self.patch_size} are longer than the {signature.shape[0]} steps"
            return
        if signature.kind == "tokens":
            if self.patch_size is not None:
                yield ("patch_size",), "is for images; these data are tokens"
            if self.positions == "learned" and signature.shape[0] is None:
                yield ("positions",), "learned positions need a maximum length; set data.maxlen or use sinusoidal"
            return
        size = self.patch_size or PATCH_SIZE
        height, width, _ = signature.shape
        if (height or 0) % size or (width or 0) % size:
            yield ("patch_size",), f"patches of {size} do not divide the {height}x{width} image"

    def _text_issues(self) -> Iterator[Issue]:
        if self.patch_size is not None:
            yield ("patch_size",), "is for images; these data are running text"
        if self.pooling != "average":
            yield ("pooling",), "a language model reads every step and pools nothing; leave it out"
        if self.positions == "rotary" and (self.hidden_dim // self.num_heads) % 2:
            yield ("positions",), f"rotary needs heads of an even width, not {self.hidden_dim // self.num_heads}"

    def _pair_issues(self) -> Iterator[Issue]:
        if self.patch_size is not None:
            yield ("patch_size",), "is for images; these data are pairs of texts"
        if self.pooling != "average":
            yield ("pooling",), "a model of pairs reads every step and pools nothing; leave it out"
        if self.positions == "rotary":
            yield ("positions",), "rotary positions are for language models; use learned or sinusoidal"

    @property
    def encoder_blocks(self) -> int:
        """Blocks of the encoder of a model of pairs."""
        return self.encoder_layers or self.num_layers

    @property
    def decoder_blocks(self) -> int:
        """Blocks of the decoder of a model of pairs."""
        return self.decoder_layers or self.num_layers

    def build(self, signature: Signature, head: Head) -> keras.Model:
        import keras

        from deepcli.nn import sequences

        if signature.kind == "text":
            from deepcli.models.decoder import build_decoder

            return build_decoder(self, signature, head)
        if signature.kind == "pairs":
            from deepcli.models.encoder_decoder import build_encoder_decoder

            return build_encoder_decoder(self, signature, head)
        moments: Moments = None
        if signature.kind == "series":
            inputs, sequence, moments = self._series_patches(signature)
        else:
            inputs, sequence = self._patches(signature) if signature.kind == "image" else self._tokens(signature)
        x, mask = sequence.x, sequence.mask
        if self.pooling == "cls":
            x = sequences.ClassToken(name="class_token")(x)
            if sequence.lengths is not None:
                mask = sequences.Mask(name="class_mask")(x, sequence.lengths + 1)
        x = self._drop(self._positions(signature)(x))
        for index in range(1, self.num_layers + 1):
            x = self._sublayer(x, partial(self._attention, mask=mask, index=index), f"block_{index}_attention")
            x = self._sublayer(x, partial(self._feed_forward, index=index), f"block_{index}_feed_forward")
        if self.normalize_first:
            x = keras.layers.LayerNormalization(name="final_normalization")(x)
        return keras.Model(inputs, self.series_output(self._pool(x, mask), head, moments), name="transformer")

    def stepper(self, model: keras.Model, signature: Signature) -> Stepper:
        from deepcli.models.decoder import decoder_stepper

        return decoder_stepper(self, model, signature)

    def xla_on_cpu(self, signature: Signature) -> bool:
        return signature.kind == "text"  # 35 ms instead of 47 for a step of 12 windows of 64, two cores of an EPYC

    def translator(self, model: keras.Model, signature: Signature) -> Translator:
        from deepcli.models.encoder_decoder import transformer_translator

        return transformer_translator(self, model, signature)

    def _tokens(self, signature: Signature) -> tuple[keras.KerasTensor, Sequence]:
        return token_input(signature, self, self.regularization)

    def _patches(self, signature: Signature) -> tuple[keras.KerasTensor, Sequence]:
        """Embed patches linearly, by a convolution whose stride is its kernel size."""
        import keras

        size = self.patch_size or PATCH_SIZE
        inputs, x = image_input(signature, self.regularization)
        x = keras.layers.Conv2D(
            self.hidden_dim, size, strides=size, kernel_initializer=self.kernel_initializer.build(), name="patches"
        )(x)
        x = keras.layers.Reshape((-1, self.hidden_dim), name="sequence")(x)
        if self.regularization.spatial_dropout:
            x = keras.layers.SpatialDropout1D(self.regularization.spatial_dropout, name="patch_dropout")(x)
        return inputs, Sequence(x)

    def _series_patches(self, signature: Signature) -> tuple[keras.KerasTensor, Sequence, Moments]:
        """Embed patches of steps; the first steps of a window that patches do not divide are padded with zeros."""
        import keras

        from deepcli.nn import sequences

        inputs, steps, moments = self.series_sequence(signature, self.regularization)
        size, length = self._patch_steps(signature), signature.shape[0] or 1
        x, rest = steps.x, -length % size
        if rest:  # the end of a window matters most, and that of a shorter series is padded already
            around = (0, rest) if steps.lengths is not None else (rest, 0)
            x = keras.layers.ZeroPadding1D(around, name="patch_padding")(x)
        x = keras.layers.Conv1D(
            self.hidden_dim, size, strides=size, kernel_initializer=self.kernel_initializer.build(), name="patches"
        )(x)
        if steps.lengths is None:
            return inputs, Sequence(x), moments
        lengths = sequences.Windows(size, size, True, name="patch_lengths")(steps.lengths)
        return inputs, Sequence(x, lengths, sequences.Mask(name="patch_mask")(x, lengths)), moments

    def _patch_steps(self, signature: Signature) -> int:
        return self.patch_size or min(PATCH_STEPS, signature.shape[0] or 1)

    def _positions(self, signature: Signature) -> keras.layers.Layer:
        from deepcli.nn import sequences

        if self.positions == "sinusoidal":
            return sequences.SinusoidalPositions(name="positions")
        if signature.kind == "series":
            patches = -(-(signature.shape[0] or 1) // self._patch_steps(signature))
            return sequences.LearnedPositions(patches + (self.pooling == "cls"), name="positions")
        size = self.patch_size or PATCH_SIZE
        height, *width = (side or 0 for side in signature.shape)
        longest = height if signature.kind == "tokens" else (height // size) * (width[0] // size)
        return sequences.LearnedPositions(longest + (self.pooling == "cls"), name="positions")

    def _sublayer(self, x: keras.KerasTensor, sublayer: _Sublayer, name: str) -> keras.KerasTensor:
        """Add a sub-layer's output to its input, with normalization before the sub-layer or after the sum."""
        import keras

        normalization = keras.layers.LayerNormalization(name=f"{name}_normalization")
        if self.normalize_first:
            return x + self._drop(sublayer(normalization(x)))
        return normalization(x + self._drop(sublayer(x)))

    def _attention(self, x: keras.KerasTensor, mask: keras.KerasTensor | None, index: int) -> keras.KerasTensor:
        import keras

        attention = keras.layers.MultiHeadAttention(
            self.num_heads,
            self.hidden_dim // self.num_heads,
            kernel_initializer=self.kernel_initializer.build(),
            bias_initializer=self.bias_initializer.build(),
            **self.regularization.on_weights(),
            name=f"block_{index}_attention",
        )
        return attention(x, x, attention_mask=None if mask is None else mask[:, None, :])

    def _feed_forward(self, x: keras.KerasTensor, index: int) -> keras.KerasTensor:
        wide = self.dense(self.intermediate_width, f"block_{index}_wide")(x)
        wide = self.activation.layer(f"block_{index}_activation")(wide)
        return self.dense(self.hidden_dim, f"block_{index}_narrow")(wide)

    @property
    def intermediate_width(self) -> int:
        """Width of the feed-forward layers."""
        return self.intermediate_dim or 4 * self.hidden_dim

    def divided_sizes(self) -> dict[str, int]:
        return {"num_heads": self.num_heads, "intermediate_dim": self.intermediate_width}

    def dense(self, units: int, name: str) -> keras.layers.Layer:
        """Build a feed-forward layer."""
        from deepcli.nn import dropconnect

        return dropconnect.dense(
            units,
            self.regularization.dropconnect,
            kernel_initializer=self.kernel_initializer.build(),
            bias_initializer=self.bias_initializer.build(),
            **self.regularization.on_weights(),
            name=name,
        )

    def _drop(self, x: keras.KerasTensor) -> keras.KerasTensor:
        import keras

        return keras.layers.Dropout(self.regularization.dropout)(x) if self.regularization.dropout else x

    def _pool(self, x: keras.KerasTensor, mask: keras.KerasTensor | None) -> keras.KerasTensor:
        import keras

        from deepcli.nn import sequences

        if self.pooling == "cls":
            return x[:, 0]
        if self.pooling == "flatten":
            return keras.layers.Flatten(name="reduce")(x)
        if mask is not None:
            return sequences.GlobalMaskedPooling1D(self.pooling, name="reduce")(x, mask)
        pooling = {"average": keras.layers.GlobalAveragePooling1D, "max": keras.layers.GlobalMaxPooling1D}
        return pooling[self.pooling](name="reduce")(x)
