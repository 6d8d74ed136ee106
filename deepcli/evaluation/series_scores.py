"""Scores of forecasts, besides `mae` and `rmse`: scaled by a seasonal naive forecast, relative, and standardized."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar, Literal

from deepcli.evaluation.intervals import Interval
from deepcli.evaluation.scores import ORIGINS, SAME, SCORES, Score

if TYPE_CHECKING:
    import numpy as np

    from deepcli.evaluation.forecast_predictions import ForecastPredictions


class ForecastScore(Score):
    """A mean over all origins, steps and targets.

    Forecasts from neighbouring origins share most of their steps, so intervals count blocks of origins.
    """

    METHOD: ClassVar[str] = ORIGINS
    tasks: ClassVar[tuple[str, ...]] = ("forecasting",)
    better: ClassVar[Literal["max", "min"]] = "min"

    def measure(self, predictions: ForecastPredictions) -> float:
        import numpy as np

        values = self._values(predictions)
        return float(np.nanmean(values)) if predictions.finite and not np.isnan(values).all() else math.nan

    def remark(self, predictions: ForecastPredictions) -> str:
        return "" if predictions.finite else "some forecasts are not finite numbers"

    def interval(self, predictions: ForecastPredictions) -> Interval | str | None:
        return predictions.mean_interval(self._values(predictions)) or SAME

    @abstractmethod
    def _values(self, predictions: ForecastPredictions) -> np.ndarray:
        """Return what is averaged, float64 (origins, horizon, targets); NaN is left out."""


@SCORES.register
class Mase(ForecastScore):
    """Mean absolute error over that of the seasonal naive forecast in training (Hyndman & Koehler 2006); 0 is perfect.

    `data.season` says how many steps a season has. NaN for a target that does not differ from one season to the next.
    """

    type: Literal["mase"] = "mase"

    def remark(self, predictions: ForecastPredictions) -> str:
        constant = [
            name for name, found in zip(predictions.names, predictions.seasonal.T, strict=True) if not found.any()
        ]
        why = f"undefined for {', '.join(constant)}: no differences a season apart in training" if constant else ""
        return super().remark(predictions) or why

    def _values(self, predictions: ForecastPredictions) -> np.ndarray:
        return predictions.scaled_errors


@SCORES.register
class Smape(ForecastScore):
    """Twice the absolute error over the sum of the sizes of forecast and truth, such as 0.1 for 10 %; 0 is perfect, 2 is the largest."""

    type: Literal["smape"] = "smape"

    def _values(self, predictions: ForecastPredictions) -> np.ndarray:
        return predictions.relative_errors


@SCORES.register
class StandardizedMse(ForecastScore):
    """Mean squared error of numbers that are standardized by training, as the literature has it; 0 is perfect."""

    type: Literal["standardized_mse"] = "standardized_mse"

    def _values(self, predictions: ForecastPredictions) -> np.ndarray:
        squares: np.ndarray = predictions.standardized_errors**2
        return squares


@SCORES.register
class StandardizedMae(ForecastScore):
    """Mean absolute error of numbers that are standardized by training, as the literature has it; 0 is perfect."""

    type: Literal["standardized_mae"] = "standardized_mae"

    def _values(self, predictions: ForecastPredictions) -> np.ndarray:
        return predictions.standardized_errors
