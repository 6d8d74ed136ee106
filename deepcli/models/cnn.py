"""Convolutional network: 2-D on images, 1-D on tokens and series."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from deepcli.data.signature import Signature
from deepcli.models.activations import ACTIVATIONS, ActivationField, Relu
from deepcli.models.base import MODELS, PLURALS
from deepcli.models.heads import Head
from deepcli.models.inputs import Sequence, image_input, normalize, normalized, token_input, vocabulary_of, word_input
from deepcli.models.mlp import hidden_layers
from deepcli.models.regularization import Regularization
from deepcli.models.takes_series import Moments, TakesSeries
from deepcli.spec.fields import Counts, Positive, Stack
from deepcli.spec.registry import Issue

if TYPE_CHECKING:
    import keras

ON_SERIES: dict[str, Any] = {
    "filters": [32, 32, 32, 32],
    "padding": "causal",
    "dilation_growth": 2,
    "pooling": "none",
}


@MODELS.register
class Cnn(TakesSeries):
    """Blocks of convolution, normalization, activation and pooling; then dense layers.

    On tokens, convolutions run over an embedding, or with `one_hot` over one-hot words: the first one then has a weight
    for each word at each position of its kernel (Johnson & Zhang 2015). Padding does not affect the output. On series,
    `padding: causal` with a growing dilation looks back ever further (van den Oord et al. 2016).
    """

    kinds: ClassVar[tuple[str, ...]] = ("image", "tokens", "series")

    type: Literal["cnn"] = "cnn"
    one_hot: bool = Field(False, description="Convolve over one-hot words, without an embedding. Tokens only.")
    filters: Stack = Field((32, 64), description="Filters of each block's convolution.")
    kernel_size: Positive = Field(3, description="Side of each kernel.")
    strides: Positive = Field(1, description="Stride of the convolutions.")
    padding: Literal["same", "valid", "causal"] = Field(
        "same",
        description="`same` pads to keep the size; `valid` uses complete windows only; `causal` pads the past alone, for series.",
    )
    dilation_growth: Positive = Field(
        1,
        description="Factor by which steps of a kernel move apart from block to block: 2 for 1, 2, 4, 8. Series only.",
    )
    pooling: Literal["max", "average", "stochastic", "none"] = Field(
        "max",
        description="Pooling at the end of each block; `stochastic` samples in proportion to size during training "
        "(Zeiler & Fergus 2013).",
    )
    pool_size: Positive = Field(2, description="Side and stride of the pooling windows.")
    separable: bool = Field(False, description="Use depthwise separable convolutions, which have far fewer weights.")
    global_pooling: Literal["max", "average"] | None = Field(
        None,
        description="Global pooling of the last feature maps; null flattens images, takes "
        "the last step of a window to forecast from, and means `max` on tokens and series with classes.",
    )
    hidden_units: Counts = Field((), description="Width of each dense layer before the output.")
    activation: ActivationField = Field(Relu(), description="Activation after each convolution and each dense layer.")
    regularization: Regularization = Field(
        Regularization(),
        description="Dropout precedes and follows the dense layers; spatial dropout ends each block.",
    )

    @property
    def bfloat16_on_cpu(self) -> bool:
        return not self.one_hot

    @classmethod
    def starter(cls, kind: str) -> dict[str, Any]:
        return dict(ON_SERIES) if kind == "series" else {}

    def check(self, signature: Signature) -> Iterator[Issue]:
        yield from super().check(signature)
        yield from self.needs_any_shape()
        if self.one_hot:
            yield from self._check_one_hot(signature)
        if self.separable and self.regularization.dropconnect:
            yield (
                ("regularization", "dropconnect"),
                "DropConnect is not defined for separable convolutions; use spatial_dropout or `separable: false`",
            )
        if self.pooling == "stochastic" and self.activation.can_be_negative():
            known = ", ".join(name for name in ACTIVATIONS if ACTIVATIONS[name].never_negative)
            yield (
                ("pooling",),
                f"stochastic pooling uses activations as probabilities, but {self.activation.type} can be negative; "
                f"use one of: {known}",
            )
        yield from self._series_issues(signature)
        yield from self._larger_than_the_data(signature)
        if signature.kind in ("tokens", "series"):
            if self.regularization.normalization == "group":
                yield (
                    ("regularization", "normalization"),
                    f"group normalization would mix padding into a sequence; use batch or layer on {signature.kind}",
                )
            return
        height, width = (size or 0 for size in signature.shape[:2])
        for block in range(1, len(self.filters) + 1):
            if self.padding == "valid" and self.kernel_size > min(height, width):
                yield (
                    ("kernel_size",),
                    f"a kernel of {self.kernel_size} is larger than the {height}x{width} image"
                    + (f" that reaches block {block}" if block > 1 else ""),
                )
                return
            height, width = (self._after_convolution(size) for size in (height, width))
            if self.pooling != "none":
                if self.pool_size > min(height, width):
                    yield (
                        ("pool_size",),
                        f"a window of {self.pool_size} is larger than block {block}'s {height}x{width} maps",
                    )
                    return
                height, width = height // self.pool_size, width // self.pool_size

    def _series_issues(self, signature: Signature) -> Iterator[Issue]:
        if self.dilation_growth > 1 and self.strides > 1:
            yield ("strides",), "above 1 and a growing dilation exclude each other; use one of them"
        if signature.kind == "series":
            return
        what = f"is for series; these data are {PLURALS[signature.kind]}"
        if self.padding == "causal":
            yield ("padding",), f"`causal` {what}"
        if self.dilation_growth > 1:
            yield ("dilation_growth",), what

    def _larger_than_the_data(self, signature: Signature) -> Iterator[Issue]:
        """Yield sizes larger than the whole input, which cover only padding; `check` follows `valid` windows by block."""
        sides = signature.shape[:2] if signature.kind == "image" else signature.shape[:1]
        if None in sides:
            return
        largest = max(size or 0 for size in sides)
        whole = f"{sides[0]}x{sides[1]} image" if signature.kind == "image" else f"longest text (data.maxlen {largest})"
        whole = f"{largest} steps of a series" if signature.kind == "series" else whole
        names = {"kernel_size": "a kernel", "strides": "a stride"}
        if signature.kind in ("tokens", "series"):
            # The last block is pooled globally, without windows.
            names |= {"pool_size": "a window"} if self.pooling != "none" and len(self.filters) > 1 else {}
        elif self.padding == "valid":
            del names["kernel_size"]
        for field, name in names.items():
            if getattr(self, field) > largest:
                yield (field,), f"{name} of {getattr(self, field)} is larger than the {whole}"

    def _check_one_hot(self, signature: Signature) -> Iterator[Issue]:
        if signature.kind != "tokens":
            yield ("one_hot",), f"is for tokens; these data are {PLURALS[signature.kind]}"
        for field in ("embedding_dim", "embeddings_initializer", "embeddings"):
            if getattr(self, field) is not None:
                yield (field,), "with `one_hot: true` there is no embedding"
        if self.regularization.gaussian_noise:
            yield ("regularization", "gaussian_noise"), "applies to the embedding, and `one_hot: true` has none"
        if self.separable:
            yield ("separable",), "separable convolutions filter each word separately with `one_hot: true`; use false"

    def _after_convolution(self, size: int) -> int:
        whole = size if self.padding == "same" else size - self.kernel_size + 1
        return -(-whole // self.strides)

    def build(self, signature: Signature, head: Head) -> keras.Model:
        import keras

        moments: Moments = None
        if signature.kind == "image":
            inputs, x = self._image_blocks(signature)
        elif signature.kind == "series":
            inputs, x, moments = self._series_blocks(signature)
        else:
            inputs, x = self._token_blocks(signature)
        if self.regularization.dropout:
            x = keras.layers.Dropout(self.regularization.dropout, name="dropout")(x)
        x = hidden_layers(x, self, self.hidden_units, self.activation, self.regularization)
        return keras.Model(inputs, self.series_output(x, head, moments), name="cnn")

    def _image_blocks(self, signature: Signature) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        import keras

        from deepcli.nn import stochastic_pooling

        inputs, x = image_input(signature, self.regularization)
        pool = {
            "max": keras.layers.MaxPooling2D,
            "average": keras.layers.AveragePooling2D,
            "stochastic": stochastic_pooling.StochasticPooling2D,
        }
        for index, filters in enumerate(self.filters, start=1):
            x = self._convolution(2, filters, self.padding, f"conv_{index}")(x)
            x = normalize(x, self.regularization.normalization, f"conv_{index}_normalization")
            ending = [self.activation.layer(f"conv_{index}_activation")]
            if self.pooling != "none":
                ending.append(pool[self.pooling](self.pool_size, name=f"conv_{index}_pooling"))
            if self.pooling == "max" and self.activation.is_monotonic():
                ending.reverse()  # the same values and gradients, for a quarter of the work
            for layer in ending:
                x = layer(x)
            if self.regularization.spatial_dropout:
                x = keras.layers.SpatialDropout2D(self.regularization.spatial_dropout, name=f"conv_{index}_dropout")(x)
        reduce = {
            "max": keras.layers.GlobalMaxPooling2D,
            "average": keras.layers.GlobalAveragePooling2D,
            None: keras.layers.Flatten,
        }
        return inputs, reduce[self.global_pooling](name="reduce")(x)

    def _token_blocks(self, signature: Signature) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        if self.one_hot:
            inputs, sequence = word_input(signature)
        else:
            inputs, sequence = token_input(signature, self, self.regularization)
        sequence = self._sequence_blocks(sequence, signature)
        return inputs, self._masked_pooling(sequence)

    def _series_blocks(self, signature: Signature) -> tuple[keras.KerasTensor, keras.KerasTensor, Moments]:
        from deepcli.nn import sequences

        inputs, sequence, moments = self.series_sequence(signature, self.regularization, lengths=True)
        sequence = self._sequence_blocks(sequence, signature)
        if self.global_pooling is None and signature.predicted.kind == "series":
            return inputs, sequences.LastStep(name="last")(sequence.x, sequence.lengths), moments
        return inputs, self._masked_pooling(sequence), moments

    def _masked_pooling(self, sequence: Sequence) -> keras.KerasTensor:
        from deepcli.nn import sequences

        return sequences.GlobalMaskedPooling1D(self.global_pooling or "max", name="reduce")(sequence.x, sequence.mask)

    def _sequence_blocks(self, sequence: Sequence, signature: Signature) -> Sequence:
        import keras

        for index, filters in enumerate(self.filters, start=1):
            if self.one_hot and index == 1:
                sequence = self._convolve_words(sequence, vocabulary_of(signature), filters, f"conv_{index}")
            else:
                sequence = self._convolve_steps(sequence, filters, self.dilation_growth ** (index - 1), f"conv_{index}")
            x = normalized(sequence, self.regularization.normalization, f"conv_{index}_normalization")
            sequence = sequence.of(self.activation.layer(f"conv_{index}_activation")(x))
            if self.pooling != "none" and index < len(self.filters):
                x = self._token_pooling(self.pooling, f"conv_{index}_pooling")(sequence.x, sequence.mask)
                sequence = _windows(x, sequence, self.pool_size, self.pool_size, True, f"conv_{index}_pooling")
            if self.regularization.spatial_dropout:
                drop = keras.layers.SpatialDropout1D(self.regularization.spatial_dropout, name=f"conv_{index}_dropout")
                sequence = sequence.of(drop(sequence.x))
        return sequence

    def _token_pooling(self, mode: Literal["max", "average", "stochastic"], name: str) -> keras.layers.Layer:
        from deepcli.nn import sequences, stochastic_pooling

        if mode == "stochastic":
            return stochastic_pooling.MaskedStochasticPooling1D(self.pool_size, name=name)
        return sequences.MaskedPooling1D(self.pool_size, mode, name=name)

    def _convolve_steps(self, sequence: Sequence, filters: int, dilation: int, name: str) -> Sequence:
        """Convolve with explicit padding: with strides above 1, Keras's `same` depends on the length of the batch."""
        import keras

        from deepcli.nn import sequences

        x = sequences.ZeroPadding(name=f"{name}_mask")(sequence.x, sequence.mask)
        x = keras.layers.ZeroPadding1D(self._around(dilation), name=f"{name}_padding")(x)
        x = self._convolution(1, filters, "valid", name, dilation=dilation)(x)
        return self._windows_of(x, sequence, name, dilation)

    def _convolve_words(self, words: Sequence, vocabulary: int, filters: int, name: str) -> Sequence:
        """Convolve over ids as if they were one-hot; positions outside a text have the padding id."""
        import keras

        x = keras.ops.pad(words.x, [(0, 0), self._around()])
        return self._windows_of(self._convolution(1, filters, "valid", name, vocabulary)(x), words, name)

    def _around(self, dilation: int = 1) -> tuple[int, int]:
        """Return the number of padding steps before and after a sequence."""
        whole = (self.kernel_size - 1) * dilation
        left = whole if self.padding == "causal" else whole // 2 if self.padding == "same" else 0
        return left, whole - left

    def _windows_of(self, x: keras.KerasTensor, before: Sequence, name: str, dilation: int = 1) -> Sequence:
        size = (self.kernel_size - 1) * dilation + 1
        return _windows(x, before, size, self.strides, self.padding != "valid", name)

    def _convolution(
        self, rank: int, filters: int, padding: str, name: str, vocabulary: int | None = None, dilation: int = 1
    ) -> keras.layers.Layer:
        """Build a convolution; with a vocabulary, one over one-hot tokens that are given as ids."""
        import keras

        from deepcli.nn import dropconnect

        arguments: dict[str, Any] = {
            "strides": self.strides,
            "padding": padding,
            "bias_initializer": self.bias_initializer.build(),
            "name": name,
            **self.regularization.on_weights(),
        }
        if dilation > 1:
            arguments["dilation_rate"] = dilation
        if not self.separable:
            arguments["kernel_initializer"] = self.kernel_initializer.build()
            rate = self.regularization.dropconnect
            if vocabulary is not None:
                return dropconnect.one_hot_convolution(filters, self.kernel_size, vocabulary, rate, **arguments)
            return dropconnect.convolution(rank, filters, self.kernel_size, rate, **arguments)
        kernel = arguments.pop("kernel_regularizer")
        layer = {1: keras.layers.SeparableConv1D, 2: keras.layers.SeparableConv2D}[rank]
        return layer(
            filters,
            self.kernel_size,
            depthwise_initializer=self.kernel_initializer.build(),
            pointwise_initializer=self.kernel_initializer.build(),
            depthwise_regularizer=kernel,
            pointwise_regularizer=kernel,
            **arguments,
        )


def _windows(x: keras.KerasTensor, before: Sequence, size: int, stride: int, partial: bool, name: str) -> Sequence:
    from deepcli.nn import sequences

    lengths = sequences.Windows(size, stride, partial, name=f"{name}_lengths")(before.lengths)
    return Sequence(x, lengths, sequences.Mask(name=f"{name}_windows")(x, lengths))
