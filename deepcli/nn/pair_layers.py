"""Layers that read rows of pairs, and the attention of a decoder to an encoder."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from deepcli.nn.causal_attention import CausalSelfAttention

register = keras.saving.register_keras_serializable("deepcli")

FIRST_OF_TARGET = 1
"""The id between an input and its target; the start token of targets."""


@register
class PairSides(keras.layers.Layer):
    """Take rows apart: (batch, steps) ids, 0 for padding, to inputs, their lengths, and the targets to read.

    Each side is as wide as its longest row in the batch, on TensorFlow; on backends with fixed shapes, as its limit.

    Args:
        longest: Most tokens of an input.
        longest_target: Most tokens of a target.
    """

    def __init__(self, longest: int, longest_target: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.longest, self.longest_target = longest, longest_target

    def call(self, rows: Any) -> tuple[Any, Any, Any]:
        steps = ops.shape(rows)[1]
        places = ops.arange(steps)[None, :]
        totals = ops.sum(ops.cast(ops.not_equal(rows, 0), "int32"), axis=1)
        lengths = ops.min(ops.where(ops.equal(rows, FIRST_OF_TARGET), places, totals[:, None]), axis=1)
        lengths = ops.maximum(lengths, 1)
        rests = totals - lengths
        wide, target_wide = self._widths(steps, lengths, rests)
        return (
            _cut(rows, ops.zeros_like(lengths), lengths, wide),
            lengths,
            _cut(rows, lengths, rests, target_wide),
        )

    def _widths(self, steps: Any, lengths: Any, rests: Any) -> tuple[Any, Any]:
        if keras.backend.backend() == "tensorflow":
            # A share of a batch may have no row at all.
            return ops.max(lengths, initial=1), ops.max(rests, initial=1)
        return min(steps, self.longest), min(steps, self.longest_target)

    def compute_output_spec(self, rows: Any) -> tuple[Any, Any, Any]:
        batch = rows.shape[0]
        shapes = ((batch, None), (batch,), (batch, None))
        return tuple(keras.KerasTensor(shape, "int32") for shape in shapes)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "longest": self.longest, "longest_target": self.longest_target}


def _cut(rows: Any, begins: Any, lengths: Any, wide: Any) -> Any:
    """Take `wide` ids of each row from a place on; those behind its length are 0."""
    steps = ops.arange(wide)[None, :]
    places = ops.minimum(begins[:, None] + steps, ops.shape(rows)[1] - 1)
    return ops.where(steps < lengths[:, None], ops.take_along_axis(rows, places, axis=1), 0)


@register
class EncoderAttention(CausalSelfAttention):
    """Multi-head self-attention over all steps that are not padding: (batch, steps, width) to the same shape."""

    def call(self, x: Any, real: Any) -> Any:  # type: ignore[override]
        queries, keys, values = self._project(x, 0)
        return self._attend(queries, keys, values, real[:, None, None, :])


@register
class CrossAttention(CausalSelfAttention):
    """Multi-head attention of the steps of a decoder to those of an encoder that are not padding."""

    def call(self, x: Any, encoded: Any, real: Any) -> Any:  # type: ignore[override]
        keys, values = self.remembered(encoded)
        return self.recall(x, keys, values, real)

    def remembered(self, encoded: Any) -> list[Any]:
        """Return keys and values of an encoder's outputs, (batch, heads, steps, width of a head)."""
        width = self.num_heads * self.head_dim
        kernel, bias = self.kernel[:, width:], self.bias[width:]
        joined = ops.matmul(encoded, ops.cast(kernel, encoded.dtype)) + ops.cast(bias, encoded.dtype)
        shape = ops.shape(joined)
        parts = ops.reshape(joined, (shape[0], shape[1], 2, self.num_heads, self.head_dim))
        return list(ops.unstack(ops.transpose(parts, (2, 0, 3, 1, 4)), 2))

    def recall(self, x: Any, keys: Any, values: Any, real: Any) -> Any:
        """Return the outputs of a decoder's steps, by the keys and values of the encoder's."""
        return self._attend(self._queries(x), keys, values, real[:, None, None, :])

    def weights_of(self, x: Any, keys: Any, real: Any) -> Any:
        """Return how much each step attends to each step of the encoder, the mean over heads: (batch, steps, steps)."""
        logits = ops.cast(ops.matmul(self._queries(x), ops.transpose(keys, (0, 1, 3, 2))), "float32")
        return ops.mean(ops.softmax(ops.where(real[:, None, None, :], logits, -1e9)), axis=1)

    def _queries(self, x: Any) -> Any:
        width = self.num_heads * self.head_dim
        joined = ops.matmul(x, ops.cast(self.kernel[:, :width], x.dtype)) + ops.cast(self.bias[:width], x.dtype)
        shape = ops.shape(joined)
        parts = ops.reshape(joined, (shape[0], shape[1], self.num_heads, self.head_dim))
        return ops.transpose(parts, (0, 2, 1, 3)) * self.head_dim**-0.5

    def compute_output_spec(self, x: Any, encoded: Any, real: Any) -> Any:
        return keras.KerasTensor(x.shape, self.compute_dtype)
