"""Time series as one array of rows, with the windows of each split and the statistics of training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from deepcli.data.arrays.made_arrays import made_of
from deepcli.data.arrays.mapped_files import is_mapped
from deepcli.data.arrays.series_windows import SeriesWindows
from deepcli.data.arrays.splits import Split
from deepcli.data.arrays.stored_rows import free_memory
from deepcli.data.sources.series_splits import Borders
from deepcli.data.sources.series_table import SeriesTable, TimeSeries


@dataclass(frozen=True)
class EncodedSeries:
    """The rows of all series, one after another.

    Attributes:
        table: The series.
        borders: Where the splits of each series are.
        targets: Number of columns that are predicted, the first ones.
        known: Number of columns that are known ahead, the last ones.
        window: Rows that a model sees.
        horizon: Rows after them that are predicted; 0 where windows are given back.
    """

    table: SeriesTable
    borders: Sequence[Borders]
    targets: int
    known: int
    window: int
    horizon: int

    @cached_property
    def rows(self) -> np.ndarray:
        """All values as they are read, float64 (rows, columns)."""
        return np.concatenate([matrix(one) for one in self.table.series])

    @cached_property
    def values(self) -> np.ndarray:
        """All values as models take them, float32 (rows, columns): known columns are moved a horizon towards the past."""
        shape = sum(map(len, self.table.series)), len(self.table.columns)
        return made_of(map(self._moved, self.table.series), shape, np.float32)

    def _moved(self, series: TimeSeries) -> np.ndarray:
        values = matrix(series).astype(np.float32)
        first = values.shape[1] - self.known
        later = np.full_like(values[:, first:], np.nan)
        later[: max(len(series) - self.horizon, 0)] = values[self.horizon :, first:]
        values[:, first:] = later
        return values

    def training(self) -> np.ndarray:
        """Return the rows of training, float64 (rows, columns)."""
        parts = [matrix(one)[: borders.train] for one, borders in zip(self.table.series, self.borders, strict=True)]
        return np.concatenate(parts)

    def begins(self, split: int, stride: int, reaches_back: bool) -> np.ndarray:
        """Return the rows at which the windows of a split begin, int64 (windows,).

        What a window predicts lies inside the split, and no window reaches over a gap.

        Args:
            split: The number of the split.
            stride: Steps from one window to the next.
            reaches_back: Whether windows begin before the split.
        """
        found, first, span = [], 0, self.window + self.horizon
        for one, borders in zip(self.table.series, self.borders, strict=True):
            begin, end = borders.of(split)
            lowest = 0 if reaches_back else begin
            begins = np.arange(max(begin, lowest + self.window), end - self.horizon + 1, stride) - self.window
            places = np.asarray(one.places)
            whole = places[begins + span - 1] - places[begins] == span - 1 if len(begins) else np.zeros(0, bool)
            found.append(first + begins[whole])
            first += len(one)
        return np.concatenate(found).astype(np.int64)

    def split(
        self, split: int, stride: int, reaches_back: bool, seasonal: Sequence[Sequence[float]], limit: int | None
    ) -> Split:
        """Return the windows of a split as examples.

        Args:
            split: The number of the split.
            stride: Steps from one window to the next.
            reaches_back: Whether windows begin before the split.
            seasonal: What errors of each series and target are divided by in MASE.
            limit: Maximum number of windows.
        """
        windows = SeriesWindows(
            self.values,
            self.begins(split, stride, reaches_back)[:limit],
            self.window,
            self.horizon,
            self.targets,
            np.concatenate([np.asarray(one.times) for one in self.table.series]),
            self._by_row(seasonal),
            free_memory() if is_mapped(self.values) else None,
        )
        return Split.of_series(windows)

    def _by_row(self, seasonal: Sequence[Sequence[float]]) -> np.ndarray:
        """Return figures of each series for each of its rows, float64 (rows, targets)."""
        lengths = [len(one) for one in self.table.series]
        figures = np.asarray(seasonal, np.float64).reshape(len(lengths), self.targets)
        pieces = (np.broadcast_to(one, (length, self.targets)) for one, length in zip(figures, lengths, strict=True))
        return made_of(pieces, (sum(lengths), self.targets), np.float64)


def matrix(series: TimeSeries) -> np.ndarray:
    """Return the values of a series, float64 (rows, columns)."""
    return np.stack([np.frombuffer(values, np.float64) for values in series.values], axis=1)


def statistics(rows: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the mean and the standard deviation of each column; 1 for one that does not vary."""
    scales = np.where(np.ptp(rows, axis=0) > 0, rows.std(axis=0), 1.0)
    return tuple(rows.mean(axis=0).tolist()), tuple(np.where(scales > 0, scales, 1.0).tolist())


def seasonal_errors(encoded: EncodedSeries, season: int) -> tuple[tuple[float, ...], ...]:
    """Return the mean absolute difference of training values a season apart, for each series and target; 0 if there is none.

    Source: Hyndman & Koehler (2006), "Another look at measures of forecast accuracy".
    """
    found = []
    for one, borders in zip(encoded.table.series, encoded.borders, strict=True):
        values, places = matrix(one)[: borders.train, : encoded.targets], np.asarray(one.places[: borders.train])
        later = np.searchsorted(places, places + season)
        paired = later < len(places)
        paired[paired] = places[later[paired]] == places[paired] + season
        apart = np.abs(values[later[paired]] - values[paired])
        found.append(tuple(apart.mean(axis=0).tolist()) if len(apart) else (0.0,) * encoded.targets)
    return tuple(found)
