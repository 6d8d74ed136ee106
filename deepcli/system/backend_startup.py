"""Which of Keras's backends a process computes with, and its import."""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import logging
import os
import sys
from collections.abc import Callable, Iterator

from deepcli.errors import DeviceError
from deepcli.system.extras import demand
from deepcli.system.gc_pause import uncollected
from deepcli.system.signals import uninterrupted
from deepcli.system.tensorflow_startup import USED_BY_OTHERS, import_tensorflow, named_backend, spared

BACKENDS = ("tensorflow", "jax")
JAX_THREADS = "NPROC"
"""The environment variable that XLA takes the size of its pool of CPU threads from, when it makes the pool."""
UNUSED_ON_JAX = USED_BY_OTHERS - {"jax", "scipy"}
TITLES = {"tensorflow": "TensorFlow", "jax": "JAX"}


def import_backend(
    wanted: str = "auto", preferred: str = "auto", doing: Callable[[str], object] = lambda text: None
) -> str:
    """Import Keras on the backend that a spec asks for, quickly and quietly; return its name.

    If the program has imported Keras before, it changes nothing; `deepcli.training.device.choose` then checks the backend.

    Args:
        wanted: The backend that is asked for; auto for any.
        preferred: A backend to use if nothing asks for another, and if it is installed: that of a trained model.
        doing: Called with what is imported, if that takes time.

    Raises:
        DeviceError: The backend is not installed, or the environment variable KERAS_BACKEND names another one.
        UsageError: JAX is asked for and not installed.
    """
    if "keras" in sys.modules:
        import keras

        return str(keras.backend.backend())
    name = backend_name(wanted, preferred)
    doing(f"importing {TITLES[name]}")
    if name == "tensorflow":
        import_tensorflow()
    else:
        _import_jax()
    return name


def backend_name(wanted: str = "auto", preferred: str = "auto") -> str:
    """Return the backend that `import_backend` would import.

    Raises:
        DeviceError: As `import_backend` says.
        UsageError: As `import_backend` says.
    """
    named = os.environ.get("KERAS_BACKEND")
    if named and named not in BACKENDS:
        raise DeviceError(f"KERAS_BACKEND is {named}; deepcli trains and evaluates on {' and '.join(BACKENDS)}")
    if named and wanted not in ("auto", named):
        raise DeviceError(
            f"training.backend: is {wanted}, but the environment variable KERAS_BACKEND is {named}; unset the variable, "
            f"or set training.backend to auto or {named}"
        )
    if chosen := named or (wanted if wanted != "auto" else None):
        _demand(chosen, "KERAS_BACKEND=" if named else "training.backend: ")
        return chosen
    for name in (preferred, *BACKENDS):
        if name in BACKENDS and is_installed(name):
            return name
    raise DeviceError(
        "neither TensorFlow nor JAX is installed; install one: pip install tensorflow, or pip install 'deepcli[jax]'"
    )


def _demand(name: str, asked: str) -> None:
    if name == "jax":
        demand(f"{asked}jax", ("jax",), "jax")
    elif not is_installed(name):
        raise DeviceError(f"{asked}{name}: TensorFlow is not installed; install it with: pip install tensorflow")


def is_installed(name: str) -> bool:
    """Return whether a backend can be imported."""
    try:
        return importlib.util.find_spec(name) is not None
    except (ValueError, ImportError):  # a program put a module there that has no file, or refuses the import
        return sys.modules.get(name) is not None


def _import_jax() -> None:
    """Import Keras on JAX, without messages about missing GPUs."""
    quiet = os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") != "0"
    with uninterrupted(), spared(UNUSED_ON_JAX), uncollected(), named_backend("jax"):
        import keras

        _leave_out_tensorflow()
    with contextlib.suppress(AttributeError):
        keras.config.disable_traceback_filtering()
    if quiet:
        logging.getLogger("jax._src.xla_bridge").setLevel(logging.ERROR)
    gc.freeze()  # imported modules are never freed, so later collections need not visit them


def _leave_out_tensorflow() -> None:
    """Let Keras look for TensorFlow while it is hidden.

    Else Keras imports it when it writes its first file, to ask whether something is a shape of TensorFlow's.
    """
    with without_tensorflow(), contextlib.suppress(ImportError, AttributeError):
        from keras.src.utils.module_utils import tensorflow

        _ = tensorflow.available


@contextlib.contextmanager
def without_tensorflow() -> Iterator[None]:
    """Hide TensorFlow from libraries that take it if they find it, unless it is imported already."""
    if "tensorflow" in sys.modules:
        yield
        return
    sys.modules["tensorflow"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["tensorflow"]


def limit_threads(count: int, wanted: str = "auto") -> None:
    """Give the operations of this process a number of CPU threads; call it before the first of them.

    Args:
        count: The number.
        wanted: The backend that is asked for.

    Raises:
        DeepcliError: As `import_backend` says.
    """
    if import_backend(wanted) == "jax":
        os.environ[JAX_THREADS] = str(count)
        return
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(count)
    tf.config.threading.set_inter_op_parallelism_threads(count)
