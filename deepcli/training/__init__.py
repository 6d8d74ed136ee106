"""The heavy rooms: everything here imports Keras and TensorFlow, so the command line imports it late."""

import contextlib
import gc
import logging
import os
import sys
import tempfile
from collections.abc import Iterator

from deepcli.system.gc_pause import uncollected
from deepcli.system.signals import uninterrupted

USED_BY_OTHERS = {"jax", "matplotlib", "pandas", "scipy", "sklearn"}
"""What TensorFlow and Keras import where it is installed, for parts of theirs that deepcli has no use for."""


@contextlib.contextmanager
def _held_back() -> Iterator[None]:
    """Hold back what C++ prints on stderr at start-up, and show it after all if something fails.

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
def _spared() -> Iterator[None]:
    """Spare an import the packages that only others use: None among the modules means that there is no such package.

    One that is there already stays, and the others can be imported afterwards. But Keras's wrappers for scikit-learn
    and TensorFlow Lite's converter from JAX then believe that it is not installed.
    """
    hidden = [name for name in USED_BY_OTHERS if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


def _import_tensorflow() -> None:
    """Import TensorFlow, and Keras with it, in half the time that they take by themselves."""
    # --verbose sets the level to 0 itself, and then everything is shown.
    held_back = _held_back() if os.environ["TF_CPP_MIN_LOG_LEVEL"] != "0" else contextlib.nullcontext()
    # Another backend may need one of the packages; deepcli refuses it, but in words of its own.
    spared = _spared() if os.environ["KERAS_BACKEND"] == "tensorflow" else contextlib.nullcontext()
    with uninterrupted(), held_back, spared, uncollected():
        import keras
        import tensorflow as tf
    # What shortens tracebacks wraps every call; without it a model is traced a tenth faster.
    keras.config.disable_traceback_filtering()
    tf.debugging.disable_traceback_filtering()
    if os.environ["TF_CPP_MIN_LOG_LEVEL"] != "0":
        # It warns of what deepcli does on purpose, such as building a model anew after a divergence.
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
    gc.freeze()  # what was imported stays for good, so no later pass needs to look at it


# A user's keras.json may name another backend; only the variable itself is a wish that must be answered.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if "tensorflow" not in sys.modules:
    _import_tensorflow()
