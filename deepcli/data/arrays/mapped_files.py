"""Arrays in files, mapped into memory; their files stay open, so that rows can be read from them at any place.

A name may be given to another file meanwhile, so a file is never opened by its name a second time.
"""

from __future__ import annotations

import mmap
import os
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from deepcli.errors import DataError

READS = hasattr(os, "preadv")
"""Whether the system reads at a place into buffers; Windows does not."""
MOST_BUFFERS = 512
"""Buffers that one call fills; systems allow at least 1,024."""


class OpenFile:
    """A file that stays open, and is read at any place by any thread.

    Reads take no part of a process's memory, and raise an error where a mapped page would end the process: if the file
    was made shorter, or its disk fails.

    Args:
        file: The file, open for reading.
        path: Its name, for errors.
    """

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self._path, self._handle = path, os.dup(file.fileno())
        weakref.finalize(self, os.close, self._handle)
        if hasattr(os, "posix_fadvise"):
            # Rows lie anywhere, so what is behind them is not read ahead.
            os.posix_fadvise(self._handle, 0, 0, os.POSIX_FADV_RANDOM)

    def read_into(self, buffers: Sequence[memoryview], offset: int) -> None:
        """Fill buffers with what is at a place of the file, one after another.

        Raises:
            DataError: The file has become shorter, or cannot be read.
        """
        for start in range(0, len(buffers), MOST_BUFFERS):
            waiting = list(buffers[start : start + MOST_BUFFERS])
            while waiting:
                offset += self._read(waiting, offset)

    def _read(self, waiting: list[memoryview], offset: int) -> int:
        """Read once; remove what was filled from the buffers that wait."""
        try:
            count = rest = os.preadv(self._handle, waiting, offset)
        except OSError as error:
            raise DataError(f"{self._path}: cannot be read: {error.strerror or error}") from None
        if not count:
            raise DataError(f"{self._path}: became shorter while it was used; do not change data during a run")
        while waiting and rest >= len(waiting[0]):
            rest -= len(waiting.pop(0))
        if rest:
            waiting[0] = waiting[0][rest:]
        return count


class FilePlace(NamedTuple):
    """Where an array is in a file."""

    file: OpenFile
    offset: int


_OPENED: weakref.WeakKeyDictionary[mmap.mmap, FilePlace] = weakref.WeakKeyDictionary()
"""The open file of each mapping, and the place in it at which the mapping begins."""


def map_array(
    file: IO[bytes], path: Path, dtype: np.dtype[Any] | type, offset: int, shape: tuple[int, ...], fortran: bool = False
) -> np.memmap[Any, np.dtype[Any]]:
    """Map an array of an open file into memory, read-only.

    Args:
        file: The file, open for reading; it may be closed afterwards.
        path: Its name, for errors.
        dtype: Type of the values.
        offset: Where the array begins, in bytes.
        shape: Its shape.
        fortran: Whether the first axis varies fastest.
    """
    array = np.memmap(file, dtype, "r", offset, shape, "F" if fortran else "C")
    if READS and (mapping := _mapping_of(array)) is not None:
        _OPENED[mapping] = FilePlace(OpenFile(file, path), offset - offset % mmap.ALLOCATIONGRANULARITY)
    return array


def place_of(array: np.ndarray) -> FilePlace | None:
    """Return where a mapped array, or a view of one, begins in its file; None if it cannot be read from there in one piece."""
    mapping = _mapping_of(array)
    if mapping is None or mapping not in _OPENED or not array.flags.c_contiguous:
        return None
    found = _OPENED[mapping]
    begin = np.frombuffer(mapping, np.uint8).ctypes.data
    return FilePlace(found.file, found.offset + array.ctypes.data - begin)


def is_mapped(array: np.ndarray) -> bool:
    """Return whether the values of an array are in a file that is mapped into memory."""
    return _mapping_of(array) is not None


def _mapping_of(array: np.ndarray) -> mmap.mmap | None:
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    return base if isinstance(base, mmap.mmap) else None
