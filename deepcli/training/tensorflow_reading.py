"""Reads from files inside tf.data, and passes on the errors of it."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from deepcli.errors import DataError


def reader(
    read: Callable[[np.ndarray], np.ndarray], dtype: tf.DType, shape: tuple[int | None, ...]
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Return a function from positions to what is read from files at them.

    Args:
        read: Reads examples at positions.
        dtype: The type of what it returns.
        shape: The shape of what it returns, as far as it is known.
    """

    def demanded(positions: np.ndarray) -> np.ndarray:
        try:
            return read(positions)
        except DataError as error:
            _FAILED.append(error)
            raise

    def found(positions: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(tf.numpy_function(demanded, [positions], dtype, stateful=False), shape)

    return found


_FAILED: deque[DataError] = deque(maxlen=1)
"""What reading rows raised last, which TensorFlow turns into an error of its own."""


@contextlib.contextmanager
def reading_errors() -> Iterator[None]:
    """Raise the error of reading rows, where TensorFlow raises one that it made of it."""
    try:
        yield
    except tf.errors.OpError:
        if _FAILED:
            raise _FAILED.pop() from None
        raise
