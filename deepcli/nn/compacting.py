"""Layer for exported text models, which accept padding anywhere in their input."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("deepcli")
class Compact(keras.layers.Layer):
    """Move all padding to the end of each text: ids (batch, steps), 0 for padding, to ids (batch, steps).

    Args:
        maxlen: Longest output; longer texts keep their last ids. None keeps all.
    """

    def __init__(self, maxlen: int | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.maxlen = maxlen

    def call(self, tokens: Any) -> Any:
        steps = ops.shape(tokens)[1]
        places = ops.arange(steps, dtype="int32")[None, :]
        real = ops.not_equal(tokens, 0)
        # The sort keys are unique and padding has the largest, so every sorting routine gives the same order.
        order = ops.argsort(ops.where(real, places, places + steps), axis=1)
        compact = ops.take_along_axis(tokens, order, axis=1)
        if self.maxlen is None:
            return compact
        width = ops.minimum(steps, self.maxlen)
        lengths = ops.sum(ops.cast(real, "int32"), axis=1)
        kept = ops.arange(width, dtype="int32")[None, :] + ops.maximum(lengths - self.maxlen, 0)[:, None]
        return ops.take_along_axis(compact, kept, axis=1)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (shape[0], None if shape[1] is None else min(shape[1], self.maxlen or shape[1]))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "maxlen": self.maxlen}
