"""Inputs that stay in their files: rows are read when a batch needs them, so that data may be larger than memory."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from deepcli.data.arrays.mapped_files import is_mapped, place_of
from deepcli.data.arrays.stored_slices import SHORT_SLICE, read_in_order
from deepcli.system.memory import available_memory

SMALL_BYTES = 32 << 20
"""Arrays of at most this size are always held in memory."""
HELD_SHARE = 0.25
"""Share of the free memory that inputs may take: TensorFlow makes two copies of a split, and a model needs memory, too."""
PIECE_BYTES = 8 << 20


class StoredInputs(NamedTuple):
    """Inputs that stay in files.

    Attributes:
        number: Splits with one number share them.
        size: Their bytes.
        free: Bytes of memory that were free when it was decided not to hold them.
    """

    number: int
    size: int
    free: int


class StoredRows:
    """Rows of one or several arrays that are mapped into memory, one array after another.

    It is indexed like the array that it stands for; what is asked for is read, in the order of the file, into an array.
    `np.asarray` reads everything. Threads may read at the same time.

    Args:
        parts: The arrays, with equal shapes but for the first axis.
        rows: The rows that are meant, int64; None for all.
        free: Bytes of memory that were free when it was decided not to hold them.
    """

    def __init__(self, parts: Sequence[np.ndarray], rows: np.ndarray | None = None, free: int = 0) -> None:
        self.free = free
        self._parts = [np.asarray(part) for part in parts]
        self._ends = np.cumsum([len(part) for part in self._parts])
        self._rows = rows
        self.dtype = self._parts[0].dtype
        count = int(self._ends[-1]) if rows is None else len(rows)
        self.shape: tuple[int, ...] = (count, *self._parts[0].shape[1:])
        self._row_bytes = math.prod(self.shape[1:]) * self.dtype.itemsize
        whole = [place_of(part) for part in self._parts]
        self._places = whole if self._row_bytes >= SHORT_SLICE else [None] * len(whole)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of all values."""
        return len(self) * self._row_bytes

    @property
    def stored(self) -> StoredInputs:
        """What stays in files."""
        return StoredInputs(id(self), self.nbytes, self.free)

    def __len__(self) -> int:
        return self.shape[0]

    @classmethod
    def joined(cls, inputs: Sequence[np.ndarray | StoredRows]) -> StoredRows:
        """Return inputs one after another, those that are stored in their files still; windows cannot be joined."""
        parts: list[np.ndarray] = []
        rows, begin = [], 0
        for one in inputs:
            inside = one._parts if isinstance(one, StoredRows) else [one]
            chosen = one._rows if isinstance(one, StoredRows) else None
            rows.append(begin + (np.arange(len(one)) if chosen is None else chosen))
            parts += inside
            begin += sum(map(len, inside))
        return cls(parts, np.concatenate(rows), max(one.free for one in inputs if isinstance(one, StoredRows)))

    def __getitem__(self, key: int | slice | Sequence[int] | np.ndarray) -> np.ndarray:
        if isinstance(key, slice):
            return self._read(np.arange(*key.indices(len(self))))
        if isinstance(key, tuple):
            raise TypeError("rows in files are read whole; index the rows that were read")
        places = np.asarray(key)
        if places.dtype == bool:
            places = np.flatnonzero(places)
        places = places.astype(np.int64)
        if ((places < -len(self)) | (places >= len(self))).any():
            raise IndexError(f"row {places.min()} or {places.max()} of {len(self)}")
        places = np.where(places < 0, places + len(self), places)
        return self._read(places.ravel()).reshape(places.shape + self.shape[1:])

    def __iter__(self) -> Iterator[np.ndarray]:
        for piece in self.pieces():
            yield from piece

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("rows in files cannot be an array without a copy")
        return np.asarray(self[:], dtype)

    def __reduce__(self) -> tuple[Any, ...]:
        # An open file cannot be pickled, and its name may be given to another file meanwhile.
        return np.asarray, (self[:],)

    def pieces(self) -> Iterator[np.ndarray]:
        """Yield all rows in arrays of a few MiB."""
        step = max(1, PIECE_BYTES // max(self._row_bytes, 1))
        for start in range(0, len(self), step):
            yield self[start : start + step]

    def part(self, places: np.ndarray) -> StoredRows | np.ndarray:
        """Return some of the rows, in their files still unless they are few."""
        if is_small(len(places) * self._row_bytes):
            return self[places]
        return StoredRows(self._parts, places if self._rows is None else self._rows[places], self.free)

    def _read(self, places: np.ndarray) -> np.ndarray:
        """Read rows, sorted by their place on the disk."""
        rows = places if self._rows is None else self._rows[places]
        found = np.empty((len(rows), *self.shape[1:]), self.dtype)
        order = np.argsort(rows, kind="stable")
        rows = rows[order]
        borders = np.searchsorted(rows, [0, *self._ends])
        for number, part in enumerate(self._parts):
            chosen = slice(borders[number], borders[number + 1])
            inside = rows[chosen] - (self._ends[number] - len(part))
            if self._places[number] is None:
                found[order[chosen]] = part[inside]
            else:
                self._read_part(number, inside, order[chosen], found)
        return found

    def _read_part(self, number: int, rows: np.ndarray, targets: np.ndarray, found: np.ndarray) -> None:
        """Read rows of one part, those that follow each other in one call.

        Args:
            number: The part.
            rows: The rows, sorted.
            targets: Where each belongs in `found`.
            found: Receives the rows.
        """
        place, size = self._places[number], self._row_bytes
        assert place is not None
        room = found.reshape(-1).view(np.uint8).data
        buffers = [room[at * size : (at + 1) * size] for at in targets.tolist()]

        read_in_order(place, rows * size, np.full(len(rows), size), buffers)


def stored_if_large(parts: Sequence[np.ndarray]) -> StoredRows | None:
    """Return arrays that are mapped into memory as rows that stay in their files, if they are too large to be held.

    Args:
        parts: The arrays, which follow one another; with equal shapes but for the first axis.

    Returns:
        The rows; None if an array is not in a file, or if they take at most a quarter of the free memory.
    """
    if not all(map(is_mapped, parts)) or not is_large(sum(part.nbytes for part in parts)):
        return None
    return StoredRows(parts, free=free_memory())


def is_small(size: int) -> bool:
    """Return whether an array of this size in bytes is always held in memory."""
    return size <= SMALL_BYTES


def is_large(size: int) -> bool:
    """Return whether an array of this size in bytes is too large to be held in memory beside its copies."""
    return not is_small(size) and size > HELD_SHARE * free_memory()


def free_memory() -> int:
    """Return the bytes of memory that inputs could take now."""
    return available_memory()
