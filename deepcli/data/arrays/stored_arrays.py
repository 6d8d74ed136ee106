"""What files of arrays have in common: descriptions, mapping into memory, and the refusal of objects."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Protocol

import numpy as np

from deepcli.data.arrays.archive import DAMAGE
from deepcli.data.arrays.mapped_files import map_array
from deepcli.errors import DataError

MAPPED_BYTES = 32 << 20
"""Arrays from this size on are mapped into memory instead of read, if they are not compressed."""
MAX_ARRAYS = 1000


@dataclass(frozen=True)
class Described:
    """What a file says about an array before it is read: its shape, and its dtype for messages."""

    shape: tuple[int, ...]
    dtype: str

    def __str__(self) -> str:
        return f"{self.dtype} {self.shape}"


class ArrayStore(Protocol):
    """The arrays of a file."""

    path: Path

    @property
    def arrays(self) -> Mapping[str, Described]:
        """What the file holds, by name."""

    def read(self, name: str) -> np.ndarray:
        """Read an array.

        Raises:
            DataError: It is damaged, too large, or holds objects.
        """


@contextlib.contextmanager
def reading(path: Path, kind: str) -> Iterator[None]:
    """Turn what a damaged file raises into a DataError that names it."""
    try:
        yield
    except (*DAMAGE, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: is damaged or not {kind} file: {error}") from None


def worth_mapping(size: int) -> bool:
    """Return whether an array of this size in bytes is mapped into memory instead of read."""
    return size >= MAPPED_BYTES


def from_file(path: Path, offset: int, shape: tuple[int, ...], dtype: np.dtype[Any], fortran: bool) -> np.ndarray:
    """Read an array from its place in a file, or map it into memory if it is large."""
    order = "F" if fortran else "C"
    with path.open("rb") as file:
        if worth_mapping(math.prod(shape) * dtype.itemsize):
            return map_array(file, path, dtype, offset, shape, fortran)
        file.seek(offset)
        content = file.read(math.prod(shape) * dtype.itemsize)
    return np.frombuffer(content, dtype).reshape(shape, order=order)  # type: ignore[call-overload, no-any-return]


def demand_plain(dtype: np.dtype[Any], path: Path, name: str) -> None:
    """Check that an array holds plain numbers or strings.

    Raises:
        DataError: It does not.
    """
    if dtype.hasobject:
        refuse_objects(path, name)
    if dtype.fields is not None or dtype.kind not in "biufcSU" or not dtype.itemsize:
        raise DataError(
            f"{path}: array {name!r} is {str(dtype)[:60]}; save plain numbers or strings, or use a table (CSV)"
        )


def refuse_objects(path: Path, name: str) -> NoReturn:
    """Raise the error for an array of Python objects."""
    raise DataError(
        f"{path}: array {name!r} holds Python objects, which could run code when they are read; save numbers or strings, "
        "such as np.asarray(x, 'float32')"
    )
