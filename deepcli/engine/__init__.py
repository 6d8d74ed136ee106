"""The heavy rooms: everything here imports Keras and TensorFlow, so the command line imports it late."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator


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


# A user's keras.json may name another backend; only the variable itself is a wish that must be answered.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

# --verbose sets the level to 0 itself, and then everything is shown.
if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") != "0" and "tensorflow" not in sys.modules:
    with _held_back():
        import tensorflow  # noqa: F401
