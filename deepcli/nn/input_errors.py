"""Reconstruction errors: outputs against the inputs themselves, as a loss, as a metric and for each example.

Inputs are compared as they are in memory, uint8 pixels, float32 rows of a table or steps of series, so that targets take no
memory of their own; `InputLayout` says what they become.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from deepcli.data.input_layout import InputLayout
from deepcli.nn.table_columns import LIMIT

register = keras.saving.register_keras_serializable("deepcli")


def _cross_entropy(targets: Any, outputs: Any, delta: float) -> Any:
    return ops.binary_crossentropy(targets, outputs)


def _squares(targets: Any, outputs: Any, delta: float) -> Any:
    return ops.square(outputs - targets)


def _distances(targets: Any, outputs: Any, delta: float) -> Any:
    return ops.abs(outputs - targets)


def _huber(targets: Any, outputs: Any, delta: float) -> Any:
    apart = ops.abs(outputs - targets)
    return ops.where(apart <= delta, 0.5 * ops.square(apart), delta * apart - 0.5 * delta * delta)


ERRORS: dict[str, Callable[[Any, Any, float], Any]] = {
    "mean_squared_error": _squares,
    "mean_absolute_error": _distances,
    "binary_crossentropy": _cross_entropy,
    "huber": _huber,
}
"""What is averaged over the values of an example, by the name of the loss or metric."""
DISTANCES = ("mean_squared_error", "mean_absolute_error")


def errors_of(layout: InputLayout, name: str, inputs: Any, outputs: Any, delta: float = 1.0) -> Any:
    """Return the mean error of each example, float32 (batch,).

    Over a table, the mean is over columns: the errors of a category's values are added up. What is missing does not count,
    nor what is behind the end of a series.

    Args:
        layout: What inputs become.
        name: One of `ERRORS`.
        inputs: uint8 (batch, height, width, channels), float32 (batch, columns) or float32 (batch, steps, columns).
        outputs: float (batch, *layout.shape).
        delta: Where `huber` becomes linear.
    """
    if layout.is_image:
        targets = ops.cast(inputs, "float32") / 255.0
        return ops.mean(ERRORS[name](targets, outputs, delta), axis=(1, 2, 3))
    if layout.is_series:
        targets, known = step_values(layout, ops.cast(inputs, "float32"))
        errors = ERRORS[name](targets, outputs, delta) * known
        return ops.sum(errors, axis=(1, 2)) / ops.maximum(ops.sum(known, axis=(1, 2)), 1.0)
    targets, known = row_values(layout, ops.cast(inputs, "float32"))
    errors = ERRORS[name](targets, outputs, delta) * known
    columns = ops.sum(known / np.array(layout.sizes, np.float32), axis=1)
    return ops.sum(errors, axis=1) / ops.maximum(columns, 1.0)


def step_values(layout: InputLayout, steps: Any) -> tuple[Any, Any]:
    """Return the values of steps of series, and 1 for those that are known: float32 (batch, steps, columns) both."""
    means, scales = np.array(layout.means, np.float32), np.array(layout.scales, np.float32)
    there = ops.logical_not(ops.isnan(steps))
    return (ops.where(there, steps, means) - means) / scales, ops.cast(there, "float32")


def row_values(layout: InputLayout, rows: Any) -> tuple[Any, Any]:
    """Return the values of rows of a table, and 1 for those that are known: float32 (batch, values) both."""
    found = ops.take(rows, np.array(layout.places, np.int32), axis=1)
    codes, sizes = np.array(layout.codes, np.float32), np.array(layout.sizes, np.float32)
    means, scales = np.array(layout.means, np.float32), np.array(layout.scales, np.float32)
    is_number, there = codes == 0, ops.logical_not(ops.isnan(found))
    found = ops.where(there, found, means)
    numbers = ops.clip((found - means) / scales, -LIMIT, LIMIT)
    values = ops.where(is_number, numbers, ops.cast(ops.equal(found, codes), "float32"))
    is_code = ops.logical_and(ops.greater_equal(found, 1.0), ops.less_equal(found, sizes))
    known = ops.logical_and(there, ops.logical_or(is_number, is_code))
    return values, ops.cast(known, "float32")


@register
class InputLoss(keras.losses.Loss):
    """Mean error between outputs and the inputs.

    Args:
        layout: What inputs become, as plain values.
        error: One of `ERRORS`.
        delta: Where `huber` becomes linear.
    """

    def __init__(self, layout: dict[str, Any], error: str, delta: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**{"name": error, **kwargs})
        self.layout, self.error, self.delta = layout, error, delta
        self._layout = InputLayout.of_plain(layout)

    def call(self, inputs: Any, outputs: Any) -> Any:
        """Return the error of each example, (batch,)."""
        return errors_of(self._layout, self.error, inputs, outputs, self.delta)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "layout": self.layout, "error": self.error, "delta": self.delta}


@register
class InputError(keras.metrics.Mean):
    """Mean over examples of the error between outputs and the inputs.

    Args:
        layout: What inputs become, as plain values.
        error: One of `ERRORS`.
        name: Name of the metric.
    """

    def __init__(self, layout: dict[str, Any], error: str, name: str, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.layout, self.error = layout, error
        self._layout = InputLayout.of_plain(layout)

    def update_state(self, inputs: Any, outputs: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        super().update_state(errors_of(self._layout, self.error, inputs, ops.cast(outputs, "float32")), sample_weight)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "layout": self.layout, "error": self.error}


@register
class ErrorOfInputs(keras.layers.Layer):
    """The mean squared error of each example: inputs and outputs to (batch, 1), float32.

    Args:
        layout: What inputs become, as plain values.
    """

    def __init__(self, layout: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", "autocast": False, **kwargs})
        self.layout = layout
        self._layout = InputLayout.of_plain(layout)

    def call(self, inputs: Any, outputs: Any) -> Any:
        found = errors_of(self._layout, "mean_squared_error", inputs, ops.cast(outputs, "float32"))
        return ops.expand_dims(found, 1)

    def compute_output_shape(self, inputs_shape: tuple[int | None, ...], outputs_shape: Any) -> tuple[int | None, ...]:
        return (inputs_shape[0], 1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "layout": self.layout}


def kept_errors(layout: InputLayout, loss: str, delta: float) -> Callable[[Any, Any], Any]:
    """Return what is kept of outputs: the errors of each example, float32 (batch, 4).

    They are the mean squared error, the mean absolute error, the binary cross-entropy (NaN but for images) and the loss.

    Args:
        layout: What inputs become.
        loss: One of `ERRORS`.
        delta: Where `huber` becomes linear.
    """

    def kept(inputs: Any, outputs: Any) -> Any:
        outputs = ops.cast(outputs, "float32")
        squares, distances = (errors_of(layout, name, inputs, outputs) for name in DISTANCES)
        entropy = errors_of(layout, "binary_crossentropy", inputs, outputs) if layout.is_image else squares * np.nan
        return ops.stack([squares, distances, entropy, errors_of(layout, loss, inputs, outputs, delta)], axis=1)

    return kept
