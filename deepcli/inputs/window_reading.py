"""Reads time series whose windows a model gives back: all windows of a file, each with its first and its last time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from deepcli.data.arrays.encoded_series import matrix
from deepcli.data.series import SeriesDataset
from deepcli.data.sources.series_table import SeriesTable, TimeSeries
from deepcli.data.sources.time_axis import shown_time
from deepcli.errors import DataError
from deepcli.inputs.example import Example, Notify
from deepcli.inputs.reading import Outcomes, ReadOptions
from deepcli.inputs.series_reading import TableReader, windows_in_memory


class WindowReader(TableReader):
    """Reads files of time series: of each series one window after another, and the one at its end.

    Between gaps, windows begin anew: none reaches over a gap.
    """

    has_times = True

    def __init__(self, data: SeriesDataset, options: ReadOptions, notify: Notify, complain: Notify) -> None:
        super().__init__(data, options, notify, complain)
        self._window = data.window
        self._stride = options.stride or data.window

    def value(self, value: Any, name: str) -> Outcomes:
        """Read windows that a program holds in memory, float (window, columns) or (windows, window, columns)."""
        for one, window in windows_in_memory(value, name, self.schema.shape):
            yield Example(one, window)

    def series(self, one: TimeSeries, table: SeriesTable, name: str) -> Outcomes:
        values, window = matrix(one).astype(np.float32), self._window
        short, longest = 0, 0
        for begin, end in whole_parts(one.places):
            longest = max(longest, end - begin)
            if end - begin < window:
                short += end - begin
                continue
            last = end - window
            for first in [*range(begin, last, self._stride), last]:
                times = (one.times[place] for place in (first, first + window - 1))
                span = tuple(shown_time(time, table.times_written) for time in times)
                yield Example(name, values[first : first + window], span=(span[0], span[1]))
        if longest < window:
            where = "" if longest == len(one) else " without a gap"
            raise DataError(f"{name}: has {longest:,} steps{where}, and a window takes {window}; give a longer series")
        if short:
            self.notify(
                f"{name}: {short:,} steps are in no window, as gaps are around them; fill gaps in to judge them"
            )


def whole_parts(places: list[int]) -> Iterator[tuple[int, int]]:
    """Yield where parts of a series without gaps begin and end.

    Args:
        places: The place of each of its times in steps; a gap skips numbers.
    """
    begin = 0
    for row in range(1, len(places) + 1):
        if row == len(places) or places[row] - places[row - 1] > 1:
            yield begin, row
            begin = row
