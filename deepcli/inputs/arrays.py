"""Reads arrays of inputs, `.npy` or inside `.npz`, some rows at a time, so that a file may be larger than memory."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from deepcli.data.arrays.archive import DAMAGE, read_header
from deepcli.errors import DataError

SUFFIXES = (".npy", ".npz")
MAGIC = b"\x93NUMPY"
ROWS_BYTES = 8 << 20
MAX_WHOLE_BYTES = 2 << 30
USUAL_KEYS = ("x_test", "x")


@contextmanager
def opened(path: Path, key: str | None) -> Iterator[IO[bytes]]:
    """Open the array of a `.npy` file, or one of an `.npz` file.

    Raises:
        DataError: The file is damaged, or contains several arrays and `key` names none of them.
    """
    try:
        if path.suffix.lower() == ".npz":
            with zipfile.ZipFile(path) as archive:
                names = [name.removesuffix(".npy") for name in archive.namelist()]
                with archive.open(f"{_choose(path, names, key)}.npy") as stream:
                    yield stream
        else:
            with path.open("rb") as file:
                yield file
    except (*DAMAGE, MemoryError) as error:
        raise DataError(f"{path}: is damaged or not an array file: {error}") from None


def _choose(path: Path, names: list[str], key: str | None) -> str:
    usual = [name for name in USUAL_KEYS if name in names]
    chosen = key or (names[0] if len(names) == 1 else usual[0] if usual else None)
    if chosen not in names:
        why = f"has no array {key!r}" if key else "contains several arrays; choose one with --key"
        raise DataError(f"{path}: {why}; it contains {', '.join(names) or 'none'}")
    return chosen


def read_rows(stream: IO[bytes], name: str) -> Iterator[np.ndarray]:
    """Read an array that `numpy.save` wrote, some rows at a time; yields arrays whose first axis is the rows.

    Raises:
        DataError: It is damaged, or not an array of numbers.
    """
    try:
        shape, fortran, dtype = read_header(stream)
        if dtype.kind not in "buif" or not shape:
            raise ValueError(f"it is {dtype}{list(shape)}, not an array of numbers")
        row = math.prod(shape[1:]) * dtype.itemsize
        if fortran and len(shape) > 1:
            yield _read(stream, row * shape[0], dtype).reshape(shape, order="F")
            return
        rows, left = max(ROWS_BYTES // max(row, 1), 1), shape[0]
        while left:
            count = min(rows, left)
            yield _read(stream, row * count, dtype).reshape(count, *shape[1:])
            left -= count
    except (*DAMAGE, MemoryError) as error:
        raise DataError(f"{name}: is damaged or not an array of numbers: {error}") from None


def _read(stream: IO[bytes], size: int, dtype: np.dtype[np.generic]) -> np.ndarray:
    """Read `size` bytes as a flat array.

    Raises:
        ValueError: The stream is shorter, or `size` is too large.
    """
    if size > MAX_WHOLE_BYTES:
        raise ValueError(f"a part of it is larger than {MAX_WHOLE_BYTES >> 30} GiB")
    parts, left = [], size
    while left and (part := stream.read(min(left, ROWS_BYTES))):
        parts.append(part)
        left -= len(part)
    if left:
        raise ValueError("it ends too early")
    return np.frombuffer(b"".join(parts), dtype)
