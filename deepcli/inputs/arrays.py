"""Arrays of inputs, `.npy` or inside `.npz`, read some rows at a time, so that a file may be larger than memory."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from deepcli.data.archive import DAMAGE, read_header
from deepcli.errors import DataError
from deepcli.inputs.example import Tell

SUFFIXES = (".npy", ".npz")
MAGIC = b"\x93NUMPY"
ROWS_BYTES = 8 << 20
MAX_WHOLE_BYTES = 2 << 30
USUAL_KEYS = ("x_test", "x")


@contextmanager
def opened(path: Path, key: str | None) -> Iterator[IO[bytes]]:
    """Open the array of a `.npy` file, or one of an `.npz` file.

    Raises:
        DataError: The file is damaged, or does not tell which array is meant.
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
        raise DataError(f"{path}: is damaged or no array file: {error}") from None


def _choose(path: Path, names: list[str], key: str | None) -> str:
    usual = [name for name in USUAL_KEYS if name in names]
    chosen = key or (names[0] if len(names) == 1 else usual[0] if usual else None)
    if chosen not in names:
        why = f"has no array {key!r}" if key else "holds several arrays; --key says which is meant"
        raise DataError(f"{path}: {why}; it holds {', '.join(names) or 'none'}")
    return chosen


def read_rows(stream: IO[bytes], name: str) -> Iterator[np.ndarray]:
    """Read an array, as `numpy.save` writes it, some rows at a time; yields arrays with the rows first.

    Raises:
        DataError: It is damaged, or no array of numbers.
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
        raise DataError(f"{name}: is damaged or no array of numbers: {error}") from None


def _read(stream: IO[bytes], size: int, dtype: np.dtype[np.generic]) -> np.ndarray:
    """Read so many bytes, which may not be there."""
    if size > MAX_WHOLE_BYTES:
        raise ValueError(f"one piece of it is larger than {MAX_WHOLE_BYTES >> 30} GiB")
    parts, left = [], size
    while left and (part := stream.read(min(left, ROWS_BYTES))):
        parts.append(part)
        left -= len(part)
    if left:
        raise ValueError("it ends too early")
    return np.frombuffer(b"".join(parts), dtype)


class Images:
    """Makes the rows of arrays into what an image model takes.

    Args:
        shape: (height, width, channels) of it.
        tell: Is told what was done, once.

    Attributes:
        shapes: Those that one image may have: without its channel, where there is one.
    """

    def __init__(self, shape: tuple[int, int, int], tell: Tell) -> None:
        self._shape, self._tell = shape, tell
        self.shapes = {shape, shape[:2]} if shape[2] == 1 else {shape}
        self._scale: float | None = None

    def take(self, rows: np.ndarray, name: str) -> np.ndarray:
        """Make uint8 (rows, height, width, channels).

        Args:
            rows: (rows, height, width, channels), (rows, height, width) if there is one channel, of bytes, or of
                numbers from 0 to 255 or from 0 to 1.
            name: What to call the array.

        Raises:
            DataError: They are something else.
        """
        if rows.shape[1:] not in self.shapes:
            raise DataError(
                f"{name}: its rows are {'x'.join(map(str, rows.shape[1:])) or 'numbers'}; "
                f"the model takes {'x'.join(map(str, self._shape))}"
            )
        images = rows.reshape(-1, *self._shape)
        if images.dtype == np.uint8 or not len(images):
            return images.astype(np.uint8)
        low, high = float(images.min()), float(images.max())
        if self._scale is None:
            fractions = images.dtype.kind == "b" or (images.dtype.kind == "f" and high <= 1)
            self._scale = 255.0 if fractions else 1.0
            if fractions:
                self._tell(f"{name}: numbers from 0 to 1 were scaled to 255")
        if not (low >= 0 and high * self._scale <= 255):
            raise DataError(f"{name}: has values from {low:g} to {high:g}; pixels go from 0 to 255, or from 0 to 1")
        return np.round(images.astype(np.float64) * self._scale).astype(np.uint8)


def take_ids(rows: np.ndarray, vocabulary: int, name: str) -> list[np.ndarray]:
    """Make the rows of an array of token ids into sequences; the zeros at their ends are padding.

    Raises:
        DataError: They are something else.
    """
    if rows.ndim != 2 or rows.dtype.kind not in "iu":
        raise DataError(f"{name}: should be token ids, integers (texts, length) with 0 for padding at the end")
    if rows.size and (rows.min() < 0 or rows.max() >= vocabulary):
        raise DataError(f"{name}: has ids from {rows.min()} to {rows.max()}; the model knows those below {vocabulary}")
    return [np.trim_zeros(row, "b").astype(np.int32) for row in rows]
