"""Layers for time series: standardizing, what each window is normalized by, and its way back; moving averages; quantiles.

They compute in float32 whatever the dtype policy: bfloat16 has three digits, too few for a level with small changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

register = keras.saving.register_keras_serializable("deepcli")
SMALLEST = 1e-5
"""Added to a variance before its root is taken, as in the paper."""


class _InFloat32(keras.layers.Layer):
    """A layer that computes in float32."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})


@register
class StandardizedSteps(_InFloat32):
    """Columns less their means, divided by their scales; what is behind the end of a series (NaN) becomes 0.

    Args:
        means: Mean of each column over training.
        scales: Standard deviation of each.

    Shapes:
        (batch, steps, columns) to the same.
    """

    def __init__(self, means: Sequence[float], scales: Sequence[float], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.means, self.scales = list(means), list(scales)

    def call(self, x: Any) -> Any:
        means = np.array(self.means, np.float32)
        # The mean is put in first: NaN would survive arithmetic, and not every runtime treats it alike.
        x = ops.where(ops.isnan(x), means, x)
        return (x - means) / np.array(self.scales, np.float32)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "means": self.means, "scales": self.scales}


@register
class SeriesLengths(_InFloat32):
    """Count the steps of each series: (batch, steps, columns), NaN behind the end, to lengths of at least 1, int32."""

    def call(self, x: Any) -> Any:
        present = ops.logical_not(ops.isnan(x[:, :, 0]))
        return ops.maximum(ops.sum(ops.cast(present, "int32"), axis=1), 1)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (shape[0],)

    def compute_output_spec(self, x: Any) -> Any:
        return keras.KerasTensor((x.shape[0],), "int32")


@register
class WindowNormalization(_InFloat32):
    """Normalizes the first columns of each window by itself; `WindowRestoration` undoes it in the forecast.

    `moments` is reversible instance normalization without its affine weights: the window's mean is subtracted, and the rest
    divided by its standard deviation. `last` subtracts the last step, as NLinear does.

    Source: Kim et al. (2022), "Reversible instance normalization for accurate time-series forecasting against distribution
    shift"; Zeng et al. (2023), "Are transformers effective for time series forecasting?".

    Args:
        columns: Number of columns that are normalized.
        by: `moments` or `last`.

    Shapes:
        (batch, steps, columns) to the same; and the shift and the scale, (batch, 1, columns normalized) each.
    """

    def __init__(self, columns: int, by: Literal["moments", "last"] = "moments", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.columns, self.by = columns, by

    def call(self, x: Any) -> Any:
        own, rest = x[:, :, : self.columns], x[:, :, self.columns :]
        if self.by == "last":
            shift = own[:, -1:]
            scale = ops.ones_like(shift)
        else:
            shift = ops.mean(own, axis=1, keepdims=True)
            scale = ops.sqrt(ops.mean(ops.square(own - shift), axis=1, keepdims=True) + SMALLEST)
        normalized = (own - shift) / scale
        return ops.concatenate([normalized, rest], axis=-1) if rest.shape[-1] else normalized, shift, scale

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> Any:
        return shape, (shape[0], 1, self.columns), (shape[0], 1, self.columns)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "columns": self.columns, "by": self.by}


@register
class WindowRestoration(_InFloat32):
    """Undoes `WindowNormalization`: a forecast times the window's scale, plus its shift.

    Shapes:
        (batch, horizon, columns) or (batch, horizon, columns, quantiles), the shift and the scale, to the first shape.
    """

    def call(self, x: Any, shift: Any, scale: Any) -> Any:
        if len(x.shape) == 4:
            shift, scale = shift[..., None], scale[..., None]
        return x * scale + shift

    def compute_output_shape(self, shape: tuple[int | None, ...], *others: Any) -> tuple[int | None, ...]:
        return shape


@register
class MovingAverage(_InFloat32):
    """The mean of the steps around each step; beyond the ends, the first and the last step are repeated.

    Source: Zeng et al. (2023), "Are transformers effective for time series forecasting?", which decomposes a series so.

    Args:
        size: Steps of a mean, an odd number.

    Shapes:
        (batch, steps, columns) to the same.
    """

    def __init__(self, size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = size

    def call(self, x: Any) -> Any:
        steps = x.shape[1]
        weights = np.zeros((steps, steps), np.float32)
        half = (self.size - 1) // 2
        for step in range(steps):
            for place in range(step - half, step + half + 1):
                weights[step, min(max(place, 0), steps - 1)] += 1 / self.size
        return ops.einsum("st,btc->bsc", weights, x)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size}


@register
class OrderedQuantiles(_InFloat32):
    """Quantiles that cannot cross: the first as it is, each further one above it by a softplus.

    Shapes:
        (batch, horizon, columns, quantiles) to the same.
    """

    def call(self, x: Any) -> Any:
        first = x[..., :1]
        return ops.concatenate([first, first + ops.cumsum(ops.softplus(x[..., 1:]), axis=-1)], axis=-1)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return shape


@register
class ForecastUnits(_InFloat32):
    """Standardized forecasts in the units of the data.

    Args:
        means: Mean of each target.
        scales: Standard deviation of each.
        quantiles: Whether the last axis has quantiles.

    Shapes:
        (batch, horizon, targets) or (batch, horizon, targets, quantiles) to the same.
    """

    def __init__(self, means: Sequence[float], scales: Sequence[float], quantiles: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.means, self.scales, self.quantiles = list(means), list(scales), quantiles

    def call(self, x: Any) -> Any:
        means, scales = np.array(self.means, np.float32), np.array(self.scales, np.float32)
        if self.quantiles:
            means, scales = means[:, None], scales[:, None]
        return x * scales + means

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return shape

    def get_config(self) -> dict[str, Any]:
        own = {"means": self.means, "scales": self.scales, "quantiles": self.quantiles}
        return {**super().get_config(), **own}
