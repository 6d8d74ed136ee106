"""Reads time series: files of rows, of which a model that forecasts sees the end, and files of series with classes."""

from __future__ import annotations

import tempfile
from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from deepcli.data.arrays.encoded_series import matrix
from deepcli.data.arrays.padded_series import fitting
from deepcli.data.series import SeriesDataset
from deepcli.data.series_classes import SeriesClassesDataset
from deepcli.data.sources.kinds import TABLES
from deepcli.data.sources.series_files import read_series_files
from deepcli.data.sources.series_table import SeriesTable, TimeSeries
from deepcli.data.sources.time_axis import shown_time
from deepcli.errors import DataError, UsageError
from deepcli.inputs.example import Example, Notify, Unreadable
from deepcli.inputs.own_reading import piped_table
from deepcli.inputs.reading import Outcomes, Reader, ReadOptions, piped


class TableReader(Reader):
    """Reads tables of time series."""

    inside = tuple(f".{ending}" for ending in TABLES)

    def __init__(self, data: SeriesDataset, options: ReadOptions, notify: Notify, complain: Notify) -> None:
        super().__init__(options, notify, complain)
        self.data, self.schema = data, data.data_schema

    @abstractmethod
    def series(self, one: TimeSeries, table: SeriesTable, name: str) -> Outcomes:
        """Return what a model takes of a series.

        Raises:
            DataError: The series cannot be used.
        """

    def _piped(self) -> Outcomes:
        with piped_table() as path:
            yield from self._table(path, "-")

    def _file(self, path: Path) -> Outcomes:
        yield from self._table(path, str(path))

    def _word(self, word: str) -> Outcomes:
        raise DataError(f"{word[:1000]}: no such file; a model of {self.data.type} takes tables of time series")

    def _table(self, path: Path, shown: str) -> Outcomes:
        gathered = self.data.gather_file(path, self.schema)
        for finding in gathered.findings:
            if finding.severity != "note":
                self.notify(f"{finding.where}: {finding.text}")
        table: SeriesTable = gathered.content
        for one in table.series:
            name = f"{shown}[{one.name}]" if one.name else shown
            try:
                yield from self.series(one, table, name)
            except DataError as error:
                if len(table.series) == 1:
                    raise
                yield Unreadable(name, str(error))


def windows_in_memory(value: Any, name: str, shape: tuple[int | None, ...]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the windows that a program holds in memory, each with its name.

    Args:
        value: float (window, columns) or (windows, window, columns).
        name: The name of all of them.
        shape: The shape of a window.

    Raises:
        DataError: They have another shape.
    """
    rows = np.asarray(value, np.float32)
    if rows.ndim not in (2, 3) or rows.shape[-2:] != shape:
        raise DataError(f"{name}: has the shape {rows.shape}; the model takes {shape}, or several of these")
    for number, window in enumerate(rows if rows.ndim == 3 else rows[None]):
        yield f"{name}[{number}]" if rows.ndim == 3 else name, window


class SeriesReader(TableReader):
    """Reads files of time series: of each series the window at its end, and the times that follow.

    Raises:
        UsageError: More steps are asked for than the model forecasts.
    """

    def __init__(self, data: SeriesDataset, options: ReadOptions, notify: Notify, complain: Notify) -> None:
        super().__init__(data, options, notify, complain)
        facts = self.schema.series
        assert facts is not None
        self._facts, self._steps = facts, options.horizon or facts.horizon
        if self._steps > facts.horizon:
            raise UsageError(
                f"--horizon: the model forecasts {facts.horizon} steps, not {self._steps}; train one with "
                f"data.horizon={self._steps}"
            )

    def value(self, value: Any, name: str) -> Outcomes:
        """Read windows that a program holds in memory, float (window, columns) or (windows, window, columns)."""
        for one, window in windows_in_memory(value, name, self.schema.shape):
            yield Example(one, window, tuple(f"step {step + 1}" for step in range(self._steps)))

    def series(self, one: TimeSeries, table: SeriesTable, name: str) -> Outcomes:
        window, horizon, known = self.data.window, self._facts.horizon, len(self._facts.known)
        end = len(one) - one.ahead
        if end < window:
            raise DataError(f"{name}: has {end:,} steps, and the model sees {window}; give a longer series")
        if known and one.ahead < horizon:
            names = ", ".join(map(repr, self._facts.known))
            raise DataError(
                f"{name}: {one.ahead} rows are behind the last {self.schema.target.names[0]!r}, and the model needs {names} of "
                f"the next {horizon} steps; add rows with these and without targets"
            )
        span = end + horizon if known else end
        if one.places[span - 1] - one.places[end - window] != span - end + window - 1:
            raise DataError(f"{name}: has a gap in the last {window} steps, which the model sees; fill it in")
        values = matrix(one).astype(np.float32)
        x = values[end - window : end].copy()
        if known:
            x[:, -known:] = values[end - window + horizon : end + horizon, -known:]
        last = one.times[end - 1]
        times = (table.step.after(last, step + 1) for step in range(self._steps))
        yield Example(name, x, tuple(shown_time(time, table.times_written) for time in times))


class ClassSeriesReader(Reader):
    """Reads series whose class a model predicts: `.ts` files, with or without classes."""

    inside = (".ts",)

    def __init__(self, data: SeriesClassesDataset, options: ReadOptions, notify: Notify, complain: Notify) -> None:
        super().__init__(options, notify, complain)
        self._data = data
        steps, columns = data.data_schema.shape
        self._steps, self._columns = steps or 1, columns or 1

    def _piped(self) -> Outcomes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "input.ts"
            path.write_bytes(piped())
            yield from self._read(path, "-")

    def _file(self, path: Path) -> Outcomes:
        yield from self._read(path, str(path))

    def _word(self, word: str) -> Outcomes:
        raise DataError(f"{word[:1000]}: no such file; a model of {self._data.type} takes .ts files of series")

    def value(self, value: Any, name: str) -> Outcomes:
        """Read series that a program holds in memory, float (steps, columns) or (series, steps, columns)."""
        rows = np.asarray(value, np.float32)
        if rows.ndim not in (2, 3) or rows.shape[-1] != self._columns:
            raise DataError(f"{name}: has the shape {rows.shape}; the model takes steps of {self._columns} columns")
        for number, series in enumerate(rows if rows.ndim == 3 else rows[None]):
            one = f"{name}[{number}]" if rows.ndim == 3 else name
            if len(series) > self._steps:
                yield Unreadable(one, f"{one}: has {len(series)} steps, and the model takes at most {self._steps}")
            else:
                yield Example(one, self._padded(series))

    def _read(self, path: Path, shown: str) -> Outcomes:
        for one in read_series_files([(path, None)]).series:
            name = f"{shown}:{one.where.rpartition(':')[2]}"
            try:
                yield Example(name, self._padded(fitting(one, self._steps, self._columns)))
            except DataError as error:
                yield Unreadable(name, str(error))

    def _padded(self, series: np.ndarray) -> np.ndarray:
        x = np.full((self._steps, self._columns), np.nan, np.float32)
        x[: len(series)] = series
        return x
