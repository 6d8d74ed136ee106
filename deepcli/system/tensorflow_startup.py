"""The first import of TensorFlow and Keras: without messages on stderr, and in half the time of a plain import."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator

from deepcli.system.gc_pause import uncollected
from deepcli.system.signals import uninterrupted

USED_BY_OTHERS = {"jax", "matplotlib", "pandas", "scipy", "sklearn"}
"""Packages that TensorFlow and Keras import if they are installed, for features that deepcli does not use."""


def import_tensorflow() -> None:
    """Import TensorFlow and Keras quickly and quietly, for this whole process; call it before what imports them.

    Commands call it, and so does the Python API. It selects Keras's TensorFlow backend, keeps TensorFlow from logging,
    turns off traceback filtering and exempts imported modules from garbage collection. If the program has imported
    TensorFlow or Keras before, it changes nothing.
    """
    if sys.modules.keys() & {"keras", "tensorflow"}:
        return
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    # --verbose sets the level to 0 itself, and then everything is shown.
    quiet = os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") != "0"
    held_back = _held_back() if quiet else contextlib.nullcontext()
    # Another backend may need one of these packages; deepcli rejects such a backend later, with a clear error.
    light = spared(USED_BY_OTHERS) if backend == "tensorflow" else contextlib.nullcontext()
    with uninterrupted(), held_back, light, uncollected(), named_backend(backend):
        import keras
        import tensorflow as tf
    # Traceback filtering wraps every call; without it, tracing a model is 10 % faster.
    keras.config.disable_traceback_filtering()
    tf.debugging.disable_traceback_filtering()
    if quiet:
        # TensorFlow warns about things that deepcli does on purpose, such as rebuilding a model after a divergence.
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
    gc.freeze()  # imported modules are never freed, so later collections need not visit them


@contextlib.contextmanager
def named_backend(name: str) -> Iterator[None]:
    """Name Keras's backend while Keras is imported, which overrides that of the user's keras.json.

    The variable does not stay: to other processes, it would say that the user has set it.
    """
    before = os.environ.get("KERAS_BACKEND")
    os.environ["KERAS_BACKEND"] = name
    try:
        yield
    finally:
        if before is None:
            del os.environ["KERAS_BACKEND"]
        else:
            os.environ["KERAS_BACKEND"] = before


@contextlib.contextmanager
def _held_back() -> Iterator[None]:
    """Hold back what TensorFlow's C++ code prints on stderr at start-up; show it only if the import fails.

    TensorFlow 2.21 prints there before it reads TF_CPP_MIN_LOG_LEVEL, so the file descriptor itself is redirected.
    """
    try:
        before = os.dup(2)
    except OSError:  # stderr is closed, so there is nothing to keep quiet
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(before, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(before, 2)
            os.close(before)


@contextlib.contextmanager
def spared(unused: Iterable[str]) -> Iterator[None]:
    """Hide packages that deepcli does not need during an import (None in `sys.modules` makes them look missing).

    A package that was imported before stays, and the hidden ones can be imported afterwards. But Keras's wrappers for
    scikit-learn and TensorFlow Lite's JAX converter then treat these packages as not installed.
    """
    hidden = [name for name in unused if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
