"""Arrays that are made piece by piece from others: in memory, or in a file without a name if they are too large for it."""

from __future__ import annotations

import itertools
import math
import tempfile
from collections.abc import Iterable
from typing import Any

import numpy as np

from deepcli.data.arrays.mapped_files import map_array
from deepcli.data.arrays.stored_rows import is_large
from deepcli.data.cache_room import full
from deepcli.data.files import cache_folder
from deepcli.errors import DataError


def made_of(pieces: Iterable[np.ndarray], shape: tuple[int, ...], dtype: type[np.generic]) -> np.ndarray:
    """Join pieces to an array; a large one is written into deepcli's cache, where it lies as long as it is used.

    Args:
        pieces: The rows of the array in order, in the type of the array or one that is cast to it.
        shape: The shape of the array.
        dtype: Its type.

    Raises:
        DataError: The cache cannot be written.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if not is_large(size):
        made, done = np.empty(shape, dtype), 0
        for piece in pieces:
            made[done : done + len(piece)] = piece
            done += len(piece)
        return made
    return written(pieces, shape, dtype, size)


def made_flat(pieces: Iterable[np.ndarray], dtype: type[np.generic]) -> np.ndarray:
    """Join pieces whose number is not known before to an array of one dimension, as `made_of` does.

    Args:
        pieces: The values of the array in order, in its type or one that is cast to it.
        dtype: Its type.

    Raises:
        DataError: The cache cannot be written.
    """
    held, size, rest = [np.empty(0, dtype)], 0, iter(pieces)
    for piece in rest:
        held.append(np.asarray(piece, dtype))
        size += held[-1].nbytes
        if is_large(size):
            return written(itertools.chain(held, rest), None, dtype, size)
    return np.concatenate(held)


def written(
    pieces: Iterable[np.ndarray], shape: tuple[int, ...] | None, dtype: type[np.generic] | np.dtype[Any], size: int
) -> np.ndarray:
    """Write pieces into a file of the cache, where it lies as long as it is used, and map it.

    Args:
        pieces: The rows of the array in order.
        shape: The shape of the array; None: it has one dimension.
        dtype: Its type.
        size: Its bytes, or more, for errors.

    Raises:
        DataError: The cache cannot be written.
    """
    folder = cache_folder() / "scratch"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            for piece in pieces:
                file.write(np.ascontiguousarray(piece, dtype).data)
            file.flush()
            return map_array(file, folder, dtype, 0, shape or (file.tell() // np.dtype(dtype).itemsize,))
    except OSError as error:
        raise DataError(full(folder, error, size)) from None
