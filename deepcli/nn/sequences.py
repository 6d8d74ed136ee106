"""Layers for padded sequences. They take lengths, so that no output depends on how far a batch is padded.

Sequences are (batch, steps, channels), padded on the right; lengths are int32 (batch,), at least 1.
"""

from __future__ import annotations

from typing import Any, Literal

import keras
from keras import ops

register = keras.saving.register_keras_serializable("deepcli")


@register
class PadLeft(keras.layers.Layer):
    """Move the padding to the front and fix the length: (batch, steps) ids, 0 for padding, to (batch, maxlen).

    A longer sequence keeps its last ids. Both are the defaults of `keras.utils.pad_sequences`.

    Args:
        maxlen: Length of the output.
    """

    def __init__(self, maxlen: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.maxlen = maxlen

    def call(self, tokens: Any) -> Any:
        lengths = ops.sum(ops.cast(ops.not_equal(tokens, 0), "int32"), axis=1)
        places = ops.arange(self.maxlen)[None, :] - self.maxlen + lengths[:, None]
        found = ops.take_along_axis(tokens, ops.maximum(places, 0), axis=1)
        return ops.where(ops.greater_equal(places, 0), found, 0)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "maxlen": self.maxlen}


@register
class Lengths(keras.layers.Layer):
    """Count the tokens of each sequence: (batch, steps) ids, 0 for padding, to lengths of at least 1."""

    def call(self, tokens: Any) -> Any:
        return ops.maximum(ops.sum(ops.cast(ops.not_equal(tokens, 0), "int32"), axis=1), 1)


@register
class Mask(keras.layers.Layer):
    """Mark the steps that are not padding: a sequence and its lengths to bool (batch, steps)."""

    def call(self, x: Any, lengths: Any) -> Any:
        return ops.less(ops.arange(ops.shape(x)[1])[None, :], lengths[:, None])


@register
class MaskedBatchNormalization(keras.layers.BatchNormalization):
    """Batch normalization that leaves padding out of the batch's statistics.

    The mask is not called `mask`: Keras would pass it on to later layers, and slow recurrent ones down.
    """

    def call(self, x: Any, real: Any, training: bool | None = None) -> Any:
        return super().call(x, training=training, mask=real)


@register
class ZeroPadding(keras.layers.Layer):
    """Set padded steps to zero, as if the sequence ended there."""

    def call(self, x: Any, mask: Any) -> Any:
        return ops.where(mask[:, :, None], x, ops.zeros_like(x))


@register
class Windows(keras.layers.Layer):
    """Compute the length that a convolution or pooling makes of each length.

    Args:
        size: Steps in a window.
        stride: Steps from one window to the next.
        partial: Whether a window may reach past the end ("same"); otherwise only whole windows count, at least one.
    """

    def __init__(self, size: int, stride: int, partial: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size, self.stride, self.partial = size, stride, partial

    def call(self, lengths: Any) -> Any:
        last = lengths - 1 if self.partial else ops.maximum(lengths - self.size, 0)
        return last // self.stride + 1

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size, "stride": self.stride, "partial": self.partial}


@register
class MaskedPooling1D(keras.layers.Layer):
    """Pool adjacent windows of a sequence, leaving padding out; a partial last window counts.

    Args:
        pool_size: Steps in a window, and from one window to the next.
        mode: `max` or `average`.
    """

    def __init__(self, pool_size: int, mode: Literal["max", "average"], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pool_size, self.mode = pool_size, mode

    def call(self, x: Any, mask: Any) -> Any:
        size, widths = self.pool_size, [[0, 0], [0, self.pool_size - 1], [0, 0]]
        keep = ops.cast(mask, x.dtype)[:, :, None]
        if self.mode == "max":
            lowest = ops.full_like(x, -3e38)
            x = ops.pad(ops.where(mask[:, :, None], x, lowest), widths, constant_values=-3e38)
            return ops.max_pool(x, size, strides=size)
        total = ops.average_pool(ops.pad(x * keep, widths), size, strides=size)
        share = ops.average_pool(ops.pad(keep, widths), size, strides=size)
        return total / ops.maximum(share, 1.0 / size)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "pool_size": self.pool_size, "mode": self.mode}


@register
class GlobalMaskedPooling1D(keras.layers.Layer):
    """Reduce a sequence to one vector, leaving padding out: (batch, steps, channels) to (batch, channels).

    Args:
        mode: `max` or `average`.
    """

    def __init__(self, mode: Literal["max", "average"], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mode = mode

    def call(self, x: Any, mask: Any) -> Any:
        if self.mode == "max":
            return ops.max(ops.where(mask[:, :, None], x, ops.full_like(x, -3e38)), axis=1)
        # In float32: bfloat16 cannot count beyond 256 steps.
        keep = ops.cast(mask, "float32")[:, :, None]
        mean = ops.sum(ops.cast(x, "float32") * keep, axis=1) / ops.sum(keep, axis=1)
        return ops.cast(mean, x.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mode": self.mode}


@register
class LastStep(keras.layers.Layer):
    """Gather each sequence's last step that is not padding: (batch, steps, channels) to (batch, channels)."""

    def call(self, x: Any, lengths: Any) -> Any:
        return ops.take_along_axis(x, lengths[:, None, None] - 1, axis=1)[:, 0, :]


@register
class ReverseSequence(keras.layers.Layer):
    """Reverse each sequence and leave its padding at the end."""

    def call(self, x: Any, lengths: Any) -> Any:
        steps = ops.arange(ops.shape(x)[1])[None, :]
        lengths = lengths[:, None]
        places = ops.where(steps < lengths, lengths - 1 - steps, steps)
        return ops.take_along_axis(x, places[:, :, None], axis=1)


@register
class LearnedPositions(keras.layers.Layer):
    """Add a trained vector for each position (Gehring et al. 2017).

    Args:
        length: Longest sequence, in steps.
    """

    def __init__(self, length: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.length = length

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.positions = self.add_weight(shape=(self.length, shape[-1]), initializer="uniform", name="positions")

    def call(self, x: Any) -> Any:
        return x + self.positions[: ops.shape(x)[1]]

    def step(self, x: Any, before: Any) -> Any:
        """Add the vectors of further steps, with a number of steps before them."""
        return x + ops.cast(ops.take(self.positions, before + ops.arange(ops.shape(x)[1]), axis=0), x.dtype)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "length": self.length}


@register
class SinusoidalPositions(keras.layers.Layer):
    """Add sines and cosines of each position (Vaswani et al. 2017, section 3.5)."""

    def call(self, x: Any) -> Any:
        return self.step(x, 0)

    def step(self, x: Any, before: Any) -> Any:
        """Add the sines and cosines of further steps, with a number of steps before them."""
        steps, width = ops.shape(x)[1], x.shape[-1]
        position = ops.cast(before + ops.arange(steps), "float32")[:, None]
        channel = ops.arange(width)
        frequency = ops.power(10000.0, -ops.cast(2 * (channel // 2), "float32") / width)[None, :]
        angle = position * frequency
        waves = ops.where(ops.equal(channel % 2, 0)[None, :], ops.sin(angle), ops.cos(angle))
        return x + ops.cast(waves, x.dtype)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return shape


@register
class ClassToken(keras.layers.Layer):
    """Put a trained vector before each sequence: (batch, steps, channels) to (batch, steps + 1, channels)."""

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.token = self.add_weight(shape=(1, 1, shape[-1]), initializer="uniform", name="token")

    def call(self, x: Any) -> Any:
        token = ops.broadcast_to(ops.cast(self.token, x.dtype), (ops.shape(x)[0], 1, x.shape[-1]))
        return ops.concatenate([token, x], axis=1)
