"""Convolution over one-hot tokens, without an embedding."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("deepcli")
class OneHotConv1D(keras.layers.Conv1D):
    """Convolve over one-hot tokens, given as int32 ids (batch, steps), to (batch, windows, filters).

    Weights, outputs and gradients are those of `keras.layers.Conv1D` over `keras.ops.one_hot(ids, vocabulary)`, at the
    cost of an embedding of `kernel_size` times `filters` columns (the seq-CNN of Johnson & Zhang 2015). The padding id 0
    counts as a word like any other.

    Args:
        filters, kernel_size, strides: As in `keras.layers.Conv1D`.
        vocabulary: Ids are below it.
        kwargs: Other arguments of `keras.layers.Conv1D`. `padding` must be `valid`; `dilation_rate`, `groups` and
            `data_format` are not supported.
    """

    def __init__(self, filters: int, kernel_size: int, vocabulary: int, **kwargs: Any) -> None:
        super().__init__(filters, kernel_size, **kwargs)
        self.vocabulary = vocabulary
        self.input_spec = keras.InputSpec(ndim=2)

    def build(self, shape: tuple[int | None, ...]) -> None:
        super().build((*shape, self.vocabulary))
        self.input_spec = keras.InputSpec(ndim=2)

    def call(self, ids: Any) -> Any:
        """Add up the rows of the kernel (kernel_size, vocabulary, filters) for the words of each window."""
        (size,), (stride,) = self.kernel_size, self.strides
        windows = ops.shape(ids)[1] - size + 1
        # One table: the gradient of each slice of the kernel would be a kernel of zeros, which takes twice the time.
        table = ops.reshape(self.kernel, (-1, self.filters))
        places = (ids[:, step : step + windows : stride] + step * self.vocabulary for step in range(size))
        x = sum(ops.take(table, place, axis=0) for place in places)
        if self.use_bias:
            x = x + self.bias
        return x if self.activation is None else self.activation(x)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        (size,), (stride,), (batch, steps) = self.kernel_size, self.strides, shape[:2]
        return batch, None if steps is None else (steps - size) // stride + 1, self.filters

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "vocabulary": self.vocabulary}
