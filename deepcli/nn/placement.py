"""Where a model will compute: some layers know a faster way on one backend and device."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

_PORTABLE = ContextVar("portable", default=False)


@contextlib.contextmanager
def portable() -> Iterator[None]:
    """Let layers compute in operations that every format and device has."""
    before = _PORTABLE.set(True)
    try:
        yield
    finally:
        _PORTABLE.reset(before)


def tensorflow_on_cpu() -> bool:
    """Tell whether TensorFlow is Keras's backend and sees no GPU, which has fast layers of its own."""
    import keras

    if _PORTABLE.get() or keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return not tf.config.get_visible_devices("GPU")
