"""Windows of equal length over an array that stays in its file: each is read when a batch needs it."""

from __future__ import annotations

import math

import numpy as np

from deepcli.data.arrays.stored_rows import StoredRows, is_small
from deepcli.data.arrays.stored_slices import StoredSlices


class StoredWindows(StoredRows):
    """Windows over the rows of one array in a file; they may overlap. They are indexed like an array of all windows.

    Windows cannot be joined with others.

    Args:
        values: The array, (rows, ...), mapped into memory.
        begins: The row at which each window begins.
        length: Rows of a window.
        free: Bytes of memory that were free when it was decided not to hold the array.
        columns: How many columns of (rows, columns) are meant, the first ones; None for all.
    """

    def __init__(
        self, values: np.ndarray, begins: np.ndarray | range, length: int, free: int, columns: int | None = None
    ) -> None:
        self.free, self.dtype = free, values.dtype
        self._begins, self._length, self._columns = begins, length, columns
        self._slices = StoredSlices([values], values.dtype, length)
        self.shape = (len(begins), length, *(values.shape[1:] if columns is None else (columns,)))
        self._row_bytes = math.prod(self.shape[1:]) * self.dtype.itemsize

    def part(self, places: np.ndarray) -> StoredRows | np.ndarray:
        if is_small(len(places) * self._row_bytes):
            return self[places]
        return StoredWindows(self._slices.parts[0], self._begins_of(places), self._length, self.free, self._columns)

    def _read(self, places: np.ndarray) -> np.ndarray:
        found = self._slices.read(self._begins_of(places), np.full(len(places), self._length))
        windows = found.reshape(len(places), self._length, *self._slices.shape)
        return windows if self._columns is None else windows[..., : self._columns]

    def _begins_of(self, places: np.ndarray) -> np.ndarray:
        if isinstance(self._begins, range):
            # A range takes no memory; windows of a long text are many.
            return places * self._begins.step + self._begins.start
        begins: np.ndarray = self._begins[places]
        return begins
