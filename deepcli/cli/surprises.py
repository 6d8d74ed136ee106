"""Messages for unexpected exceptions, which distinguish faults of a user's code or files from faults of deepcli."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from types import TracebackType

from deepcli.spec import plugins
from deepcli.spec.plugins import FILE_PLUGIN


def worded(error: Exception) -> str:
    """Describe an exception and where it was raised: in a plugin, on a file, or in deepcli."""
    what = f"{type(error).__name__}: {error}".strip().removesuffix(":")
    if (place := _in_plugin(error.__traceback__)) is not None:
        return f"{place}: {what}\n{_hint(place)}  for the whole traceback, set DEEPCLI_VERBOSE=1"
    if isinstance(error, OSError) and isinstance(error.filename, str | bytes | os.PathLike):
        return f"{os.fsdecode(error.filename)}: {error.strerror or what}\n  for a traceback, set DEEPCLI_VERBOSE=1"
    return f"unexpected {what}\n  please report it with a traceback (set DEEPCLI_VERBOSE=1)"


def _hint(place: str) -> str:
    """Return a line on TensorFlow's operations, which JAX cannot run, if a plugin that has some fails on JAX."""
    keras = sys.modules.get("keras")
    if keras is None or keras.backend.backend() != "jax":
        return ""
    try:
        named = "tensorflow" in Path(place.removeprefix("plugin ").rpartition(", line ")[0]).read_text(encoding="utf-8")
    except (OSError, ValueError):
        named = False
    text = "  Keras is on JAX, where operations of tensorflow fail; use keras.ops, or training.backend=tensorflow\n"
    return text if named else ""


def _in_plugin(trace: TracebackType | None) -> str | None:
    """Return the innermost line of a traceback that is in a plugin; None if no line is."""
    found = None
    for frame, line in traceback.walk_tb(trace):
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith(FILE_PLUGIN) or any(
            module == name or module.startswith(f"{name}.") for name in plugins.imported
        ):
            found = f"plugin {frame.f_code.co_filename}, line {line}, in {frame.f_code.co_name}"
    return found
