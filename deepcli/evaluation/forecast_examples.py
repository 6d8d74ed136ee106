"""Forecasts that are saved for reports: some spread over the split, and those with the largest errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from deepcli.evaluation.examples import MOST
from deepcli.evaluation.forecast_predictions import ForecastPredictions
from deepcli.evaluation.saved_examples import SavedExamples

SPREAD = 4
"""Origins that are spread over the split."""
WORST = 4
"""Origins with the largest errors."""
MOST_TARGETS = 7
LONGEST = 2_000
"""Steps that are saved of a window and of a horizon."""


@dataclass(frozen=True)
class ForecastExamples(SavedExamples):
    """Forecasts with what came before and what came; the first are spread over the split, the others the worst.

    Attributes:
        ids: The rows that are forecast first, int (origins,).
        times: Their times, float64 (origins,).
        past: The end of each window, float32 (origins, steps, targets).
        targets: What came, float32 (origins, horizon, targets).
        values: The forecasts, float32 (origins, horizon, targets, quantiles).
        errors: Mean absolute error of each in standard deviations of training, float64 (origins,).
        spread: How many of them are spread over the split, int ().
    """

    KINDS: ClassVar[str] = "ifffffi"

    ids: np.ndarray
    times: np.ndarray
    past: np.ndarray
    targets: np.ndarray
    values: np.ndarray
    errors: np.ndarray
    spread: np.ndarray

    def fits(self, targets: int) -> bool:
        return int(self.targets.shape[2]) == min(targets, MOST_TARGETS)

    def is_whole(self) -> bool:
        arrays = list(vars(self).values())
        lengths = {len(array) for array in arrays if array.ndim}
        if [array.ndim for array in arrays] != [1, 1, 3, 3, 4, 1, 0] or len(lengths) != 1:
            return False
        same = self.values.shape[:3] == self.targets.shape and self.past.shape[2] == self.targets.shape[2]
        few = len(self.ids) <= MOST and 0 <= int(self.spread) <= len(self.ids)
        return same and few and 0 not in self.values.shape


def choose_forecasts(predictions: ForecastPredictions, windows: np.ndarray) -> ForecastExamples:
    """Choose forecasts to be shown.

    Args:
        predictions: The forecasts.
        windows: What the model saw, float32 (origins, window, columns), the targets first.
    """
    count, shown = len(predictions.ids), min(len(predictions.names), MOST_TARGETS)
    spread = np.unique(np.linspace(0, count - 1, min(SPREAD, count)).round().astype(int))
    errors = predictions.standardized_errors.mean(axis=(1, 2))
    ranked = np.argsort(-np.nan_to_num(errors, nan=np.inf), kind="stable").tolist()
    chosen = np.concatenate([spread, _apart(ranked, predictions.ids, predictions.targets.shape[1])]).astype(int)
    back = min(windows.shape[1], max(2 * predictions.targets.shape[1], 24), LONGEST)
    return ForecastExamples(
        predictions.ids[chosen],
        predictions.times[chosen],
        np.asarray(windows[chosen][:, -back:, :shown], np.float32),
        np.asarray(predictions.targets[chosen][:, :LONGEST, :shown], np.float32),
        np.asarray(predictions.values[chosen][:, :LONGEST, :shown], np.float32),
        errors[chosen],
        np.array(len(spread)),
    )


def _apart(ranked: list[int], ids: np.ndarray, horizon: int) -> list[int]:
    """Return the first of some places whose origins are at least a horizon apart: neighbours would show the same steps."""
    found: list[int] = []
    for place in ranked:
        if all(abs(int(ids[place]) - int(ids[other])) >= horizon for other in found):
            found.append(place)
        if len(found) == WORST:
            break
    return found
