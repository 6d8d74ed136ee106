"""Forecasts that are saved for reports: some spread over the split, and those with the largest errors."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from deepcli.errors import DataError
from deepcli.evaluation.examples import MOST
from deepcli.evaluation.forecast_predictions import ForecastPredictions
from deepcli.system.atomic import replacing

SPREAD = 4
"""Origins that are spread over the split."""
WORST = 4
"""Origins with the largest errors."""
MOST_TARGETS = 7
LONGEST = 2_000
"""Steps that are saved of a window and of a horizon."""


@dataclass(frozen=True)
class ForecastExamples:
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

    ids: np.ndarray
    times: np.ndarray
    past: np.ndarray
    targets: np.ndarray
    values: np.ndarray
    errors: np.ndarray
    spread: np.ndarray

    def fits(self, targets: int) -> bool:
        """Return whether the file can be of a model with this number of targets."""
        return int(self.targets.shape[2]) == min(targets, MOST_TARGETS)

    def save(self, path: Path) -> None:
        """Write an `.npz` file with the arrays.

        Raises:
            TrainingError: The file cannot be written.
        """
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **vars(self))

    @classmethod
    def load(cls, path: Path) -> ForecastExamples:
        """Read a file that `save` wrote; nothing in it is executed.

        Raises:
            DataError: The file is damaged, or not such a file.
        """
        from deepcli.data.arrays.archive import read_npz

        found = cls(**read_npz(path, tuple(one.name for one in fields(cls))))
        arrays = list(vars(found).values())
        kinds = "".join(array.dtype.kind for array in arrays).replace("u", "i")
        lengths = {len(array) for array in arrays if array.ndim}
        dimensions = [array.ndim for array in arrays]
        fits = kinds == "ifffffi" and dimensions == [1, 1, 3, 3, 4, 1, 0] and len(lengths) == 1
        same = fits and found.values.shape[:3] == found.targets.shape and found.past.shape[2] == found.targets.shape[2]
        if not same or len(found.ids) > MOST or 0 in found.values.shape or not 0 <= int(found.spread) <= len(found.ids):
            raise DataError(f"{path} is not a mistakes file written by deepcli")
        return found


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
