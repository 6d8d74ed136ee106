"""Backend and device of a model: some layers have a faster implementation for one of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

_PORTABLE = ContextVar("portable", default=False)


@contextlib.contextmanager
def portable() -> Iterator[None]:
    """Make layers use only operations that every export format and device supports."""
    before = _PORTABLE.set(True)
    try:
        yield
    finally:
        _PORTABLE.reset(before)


def tensorflow_on_cpu() -> bool:
    """Return whether Keras runs on TensorFlow without a GPU (which has fast layers of its own)."""
    import keras

    if _PORTABLE.get() or keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return not tf.config.get_visible_devices("GPU")
