"""Stochastic pooling (Zeiler & Fergus 2013): samples activations by size during training, averages them otherwise."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

register = keras.saving.register_keras_serializable("deepcli")


class _StochasticPooling(keras.layers.Layer):
    """Pool adjacent windows: during training, sample activation a_i with probability p_i = a_i / sum(a).

    At inference the output is sum(p_i * a_i). Negative activations count as 0; a window of zeros gives 0. Computed in
    float32, because sums in bfloat16 would favour the first activations of a window.

    Args:
        pool_size: Side of a window, and the distance from one to the next.
        seed: Seed of the draws; None derives it from Keras's global seed.
    """

    def __init__(self, pool_size: int, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pool_size, self.seed = pool_size, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def _pool(self, windows: Any, training: bool | None) -> Any:
        """Reduce (..., activations of a window, channels) to (..., channels)."""
        a = ops.maximum(ops.cast(windows, "float32"), 0.0)
        if not training:
            total = ops.sum(a, axis=-2)
            return ops.cast(ops.sum(a * a, axis=-2) / ops.where(total > 0, total, 1.0), windows.dtype)
        upper = ops.cumsum(a, axis=-2)
        lower = ops.concatenate([ops.zeros_like(a[..., :1, :]), upper[..., :-1, :]], axis=-2)
        total = upper[..., -1:, :]
        point = keras.random.uniform(ops.shape(total), seed=self.seed_generator) * total
        drawn = ops.logical_and(lower <= point, point < upper)
        return ops.cast(ops.sum(ops.where(drawn, a, 0.0), axis=-2), windows.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "pool_size": self.pool_size, "seed": self.seed}


@register
class StochasticPooling2D(_StochasticPooling):
    """Pool squares of maps (batch, height, width, channels); incomplete squares at the edges are left out."""

    def call(self, x: Any, training: bool | None = None) -> Any:
        size, channels = self.pool_size, x.shape[-1]
        height, width = x.shape[1] // size, x.shape[2] // size
        x = ops.reshape(x[:, : height * size, : width * size], (-1, height, size, width, size, channels))
        x = ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, height, width, size * size, channels))
        return self._pool(x, training)


@register
class MaskedStochasticPooling1D(_StochasticPooling):
    """Pool windows of a sequence (batch, steps, channels); padding is never drawn, and a partial last window counts."""

    def call(self, x: Any, mask: Any, training: bool | None = None) -> Any:
        size, channels = self.pool_size, x.shape[-1]
        x = ops.where(mask[:, :, None], x, ops.zeros_like(x))
        windows = (ops.shape(x)[1] + size - 1) // size
        x = ops.pad(x, [[0, 0], [0, size - 1], [0, 0]])[:, : windows * size]
        return self._pool(ops.reshape(x, (-1, windows, size, channels)), training)
