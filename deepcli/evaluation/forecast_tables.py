"""Tables beside the scores of forecasts: a row for each step of the horizon, and for each quantile."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from deepcli.result import QuantileFigures, StepFigures

if TYPE_CHECKING:
    from deepcli.evaluation.forecast_predictions import ForecastPredictions


def per_step(predictions: ForecastPredictions) -> list[StepFigures]:
    """Return the errors at each step of the horizon."""
    errors = predictions.shown_errors
    figures = {
        "mae": errors.mean(axis=(0, 2)),
        "rmse": np.sqrt((errors**2).mean(axis=(0, 2))),
        "mase": _means(predictions.scaled_errors) if predictions.finite else np.full(errors.shape[1], np.nan),
        "smape": predictions.relative_errors.mean(axis=(0, 2)),
    }
    return [
        StepFigures(step=step + 1, **{name: _known(values[step]) for name, values in figures.items()})
        for step in range(errors.shape[1])
    ]


def per_quantile(predictions: ForecastPredictions) -> list[QuantileFigures]:
    """Return the pinball loss of each quantile, and the share of what came that is at or below it; none without quantiles."""
    if not len(predictions.levels):
        return []
    below = (predictions.targets[..., None] <= predictions.values).mean(axis=(0, 1, 2))
    pinball = predictions.pinball.mean(axis=(0, 1, 2))
    return [
        QuantileFigures(level=float(level), coverage=float(share), pinball=_known(loss))
        for level, share, loss in zip(predictions.levels, below, pinball, strict=True)
    ]


def _means(values: np.ndarray) -> np.ndarray:
    """Return the mean at each step of values of which some are NaN; NaN if all are."""
    known = ~np.isnan(values)
    counts = known.sum(axis=(0, 2))
    sums = np.where(known, values, 0.0).sum(axis=(0, 2))
    found: np.ndarray = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return found


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
