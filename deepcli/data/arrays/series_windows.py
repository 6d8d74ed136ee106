"""Windows of time series: what models take, and forecast or give back, gathered from one array of rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from deepcli.data.arrays.stored_rows import StoredInputs, StoredRows
from deepcli.data.arrays.stored_windows import StoredWindows


@dataclass(frozen=True)
class SeriesWindows:
    """Windows over the rows of series, one series after another; nothing is copied until a batch is gathered.

    Attributes:
        values: float32 (rows, columns): the targets first, known columns as they are a horizon later last.
        begins: The row at which each window begins, int64 (windows,).
        window: Rows that a model sees.
        horizon: Rows after them that are predicted; 0 where windows are given back.
        targets: Number of columns that are predicted.
        times: The time of each row, float64 (rows,).
        seasonal: What errors of each row's series are divided by in MASE, float64 (rows, targets); 0 if undefined.
        free: Bytes of memory that were free when it was decided to leave the values in their file; None: they are in memory.
    """

    values: np.ndarray
    begins: np.ndarray
    window: int
    horizon: int
    targets: int
    times: np.ndarray
    seasonal: np.ndarray
    free: int | None = None

    def __len__(self) -> int:
        return len(self.begins)

    @cached_property
    def inputs(self) -> np.ndarray | StoredRows:
        """The windows, float32 (windows, window, columns): a view if they are evenly spaced."""
        if self.free is not None:
            return StoredWindows(self.values, self.begins, self.window, self.free)
        return self._windows(self.values, 0, self.window)

    @cached_property
    def outputs(self) -> np.ndarray | StoredRows:
        """The targets after each window, float32 (windows, horizon, targets): a view if windows are evenly spaced."""
        if self.free is not None:
            return StoredWindows(self.values, self.begins + self.window, self.horizon, self.free, self.targets)
        return self._windows(self.values[:, : self.targets], self.window, self.horizon)

    @property
    def stored(self) -> StoredInputs | None:
        """What stays in a file, which all splits share; None if it is in memory."""
        return None if self.free is None else StoredInputs(id(self.values), self.values.nbytes, self.free)

    @property
    def spans(self) -> StoredRows | None:
        """The windows and what they predict, float32 (windows, window + horizon, columns); None if values are in memory."""
        if self.free is None:
            return None
        return StoredWindows(self.values, self.begins, self.window + self.horizon, self.free)

    @property
    def origins(self) -> np.ndarray:
        """The first row that each window predicts, int64 (windows,); of forecasts the same for windows of any length."""
        origins: np.ndarray = self.begins + (self.window if self.horizon else 0)
        return origins

    def first(self, count: int) -> SeriesWindows:
        """Return the first windows alone."""
        return replace(self, begins=self.begins[:count])

    def _windows(self, values: np.ndarray, shift: int, length: int) -> np.ndarray:
        if not len(self.begins):
            return np.zeros((0, length, values.shape[1]), values.dtype)
        views = np.lib.stride_tricks.sliding_window_view(values, length, axis=0).swapaxes(1, 2)
        begins = self.begins + shift
        steps = np.unique(np.diff(begins))
        if len(steps) > 1:
            return np.ascontiguousarray(views[begins])
        found: np.ndarray = views[begins[0] : begins[-1] + 1 : int(steps[0]) if len(steps) else 1]
        return found
