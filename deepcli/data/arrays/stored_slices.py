"""Slices of arrays in files, of any length: read from several threads, in the order of the file."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numpy as np

from deepcli.data.arrays.mapped_files import FilePlace, place_of

SHORT_SLICE = 2048
"""Slices of fewer bytes are taken from mapped memory: reading each by a call of its own takes longer."""
READERS = 4
"""Threads that read slices of a batch at the same time: disks answer several requests together."""
SHARE_BYTES = 128 << 10
"""Bytes that a thread reads at least: starting more of them takes longer."""


class StoredSlices:
    """One or several arrays that are mapped into memory, one array after another, of which slices are read.

    Threads may read at the same time.

    Args:
        parts: The arrays, (rows, ...), with equal shapes but for the first axis.
        dtype: The type of what is read.
        usual: Rows of a usual slice.
    """

    def __init__(self, parts: Sequence[np.ndarray], dtype: np.dtype[Any] | type, usual: float) -> None:
        self.parts = [np.asarray(part) for part in parts]
        self.ends = np.cumsum([len(part) for part in self.parts])
        self.shape, self.dtype = self.parts[0].shape[1:], np.dtype(dtype)
        width = math.prod(self.shape)
        self._places = [
            place_of(part) if usual * width * part.dtype.itemsize >= SHORT_SLICE else None for part in self.parts
        ]

    def read(self, begins: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Return slices one after another, (sum of the lengths, ...).

        Args:
            begins: The row at which each slice begins, int64; no slice reaches from one array into the next.
            lengths: The rows of each slice, int64.

        Raises:
            DataError: A file has become shorter, or cannot be read.
        """
        order = np.argsort(begins, kind="stable")
        order = order[lengths[order] > 0]
        borders = np.searchsorted(begins[order], [0, *self.ends])
        found = np.empty((int(lengths.sum()), *self.shape), self.dtype)
        targets = np.cumsum(lengths) - lengths
        for number, part in enumerate(self.parts):
            chosen = order[borders[number] : borders[number + 1]]
            if len(chosen):
                inside = begins[chosen] - (self.ends[number] - len(part))
                values = self._sorted(part, self._places[number], inside, lengths[chosen])
                found[rows_of(targets[chosen], lengths[chosen])] = values
        return found

    def _sorted(self, part: np.ndarray, place: FilePlace | None, begins: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Return slices of one array, which are in the order of the file."""
        if place is None:
            picked: np.ndarray = part[rows_of(begins, lengths)]
            return picked
        values = np.empty((int(lengths.sum()), *self.shape), part.dtype)
        size = part.dtype.itemsize * math.prod(self.shape)
        room, ends = values.reshape(-1).view(np.uint8).data, (np.cumsum(lengths) * size).tolist()
        buffers = [room[begin:end] for begin, end in itertools.pairwise([0, *ends])]
        read_in_order(place, begins * size, lengths * size, buffers)
        return values


def rows_of(begins: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return the rows of slices, one slice after another."""
    shifts = begins - (np.cumsum(lengths) - lengths)
    rows: np.ndarray = np.arange(int(lengths.sum())) + np.repeat(shifts, lengths)
    return rows


def read_in_order(place: FilePlace, offsets: np.ndarray, sizes: np.ndarray, buffers: Sequence[memoryview]) -> None:
    """Fill buffers from a file; those that follow each other there are filled by one call.

    Args:
        place: The file, and where in it counting begins.
        offsets: Where each buffer's content begins, in bytes, ascending.
        sizes: The bytes of each buffer.
        buffers: The buffers.

    Raises:
        DataError: The file has become shorter, or cannot be read.
    """

    def read(first: int, last: int) -> None:
        apart = np.flatnonzero(np.diff(offsets[first:last]) != sizes[first : last - 1]) + 1
        for start, end in itertools.pairwise([first, *(first + apart).tolist(), last]):
            place.file.read_into(buffers[start:end], place.offset + int(offsets[start]))

    count = min(READERS, len(buffers), int(sizes.sum()) // SHARE_BYTES)
    if count <= 1:
        return read(0, len(buffers)) if len(buffers) else None
    borders = [len(buffers) * k // count for k in range(count + 1)]
    list(_readers().map(read, borders, borders[1:]))
    return None


@lru_cache(1)
def _readers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(READERS, "deepcli-rows")
