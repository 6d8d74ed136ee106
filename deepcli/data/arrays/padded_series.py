"""Series of any length as one array, and the statistics of their columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepcli.data.arrays.made_arrays import made_of
from deepcli.data.sources.series_files import LabelledSeries
from deepcli.errors import DataError


def padded(series: Sequence[LabelledSeries], steps: int, columns: int) -> np.ndarray:
    """Return series as models take them, float32 (series, steps, columns), NaN behind the end of each.

    Raises:
        DataError: A series has other columns, or more steps.
    """

    def whole(one: LabelledSeries) -> np.ndarray:
        found = np.full((1, steps, columns), np.nan, np.float32)
        found[0, : len(one)] = fitting(one, steps, columns)
        return found

    return made_of(map(whole, series), (len(series), steps, columns), np.float32)


def fitting(one: LabelledSeries, steps: int, columns: int) -> np.ndarray:
    """Return a series, float32 (its steps, columns).

    Raises:
        DataError: It has other columns, or more steps than a model takes.
    """
    if len(one.columns) != columns:
        raise DataError(f"{one.where}: has {len(one.columns)} columns, and the model takes {columns}")
    if len(one) > steps:
        raise DataError(
            f"{one.where}: has {len(one)} steps, and the model takes at most {steps}; cut it, or train again"
        )
    return np.stack([np.frombuffer(column, np.float64) for column in one.columns], axis=1).astype(np.float32)


def column_statistics(series: Sequence[LabelledSeries]) -> tuple[list[float], list[float]]:
    """Return the mean and the standard deviation of each column over all steps; 1 for one that does not vary."""
    means, scales = [], []
    for number in range(len(series[0].columns)):
        values = np.concatenate([np.frombuffer(one.columns[number], np.float64) for one in series])
        scale = float(values.std()) if np.ptp(values) > 0 else 1.0
        means.append(float(values.mean()))
        scales.append(scale or 1.0)
    return means, scales
