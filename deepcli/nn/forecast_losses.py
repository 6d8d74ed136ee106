"""The loss of quantiles, and errors of forecasts as metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import keras
from keras import ops

register = keras.saving.register_keras_serializable("deepcli")


@register
class PinballLoss(keras.losses.Loss):
    """The mean of the pinball losses of quantiles, of standardized numbers.

    For a level q, a truth above the quantile costs q times their distance, one below 1 - q times.

    Source: Koenker & Bassett (1978), "Regression quantiles".

    Args:
        levels: The level of each quantile, between 0 and 1.
        scales: Standard deviation of each target.

    Shapes:
        Targets (batch, horizon, targets), predictions (batch, horizon, targets, quantiles).
    """

    def __init__(self, levels: Sequence[float], scales: Sequence[float], name: str = "quantile", **kwargs: Any) -> None:
        super().__init__(name=name, dtype="float32")
        self.levels, self.scales = list(levels), list(scales)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        levels = ops.convert_to_tensor(self.levels, "float32")
        scales = ops.convert_to_tensor(self.scales, "float32")[:, None]
        above = (ops.cast(y_true, "float32")[..., None] - ops.cast(y_pred, "float32")) / scales
        return ops.mean(ops.maximum(levels * above, (levels - 1) * above), axis=(-1, -2))

    def get_config(self) -> dict[str, Any]:
        return {"levels": self.levels, "scales": self.scales, "name": self.name}


@register
class ForecastError(keras.metrics.Mean):
    """The mean error of forecasts over all steps and targets: of quantiles, that of the one in the middle.

    Args:
        kind: `absolute`, or `squared` for the root of the mean squared error.
        scales: What the errors of each target are divided by.
        middle: The place of the quantile in the middle; None for predictions without quantiles.
    """

    def __init__(
        self,
        kind: Literal["absolute", "squared"],
        scales: Sequence[float],
        middle: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.kind, self.scales, self.middle = kind, list(scales), middle

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Add a batch: targets (batch, horizon, targets), predictions (batch, horizon, targets[, quantiles])."""
        if self.middle is not None:
            y_pred = y_pred[..., self.middle]
        scales = ops.convert_to_tensor(self.scales, "float32")
        apart = (ops.cast(y_true, "float32") - ops.cast(y_pred, "float32")) / scales
        return super().update_state(ops.abs(apart) if self.kind == "absolute" else ops.square(apart))

    def result(self) -> Any:
        found = super().result()
        return found if self.kind == "absolute" else ops.sqrt(found)

    def get_config(self) -> dict[str, Any]:
        own = {"kind": self.kind, "scales": self.scales, "middle": self.middle}
        return {**own, "name": self.name, "dtype": self.dtype}
