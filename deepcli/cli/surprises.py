"""Wording for exceptions that nobody foresaw: a user's own code or files are told apart from faults of deepcli."""

from __future__ import annotations

import os
import sys
import traceback
from types import TracebackType

FILE_PLUGIN = "deepcli_plugin_"
"""Begins the name of a module that `--plugin FILE` has made."""


def worded(error: Exception) -> str:
    """Say what happened and whose it is."""
    what = f"{type(error).__name__}: {error}".strip().removesuffix(":")
    if (place := _in_plugin(error.__traceback__)) is not None:
        return f"{place}: {what}\n  DEEPCLI_VERBOSE=1 before the command shows the whole traceback"
    if isinstance(error, OSError) and isinstance(error.filename, str | bytes | os.PathLike):
        return f"{os.fsdecode(error.filename)}: {error.strerror or what}\n  DEEPCLI_VERBOSE=1 before the command shows where"
    return f"unexpected {what}\n  DEEPCLI_VERBOSE=1 before the command shows where; please report it"


def _in_plugin(trace: TracebackType | None) -> str | None:
    """Name the innermost line of a plugin that an exception came through; None if it came through none."""
    plugins = _plugins()
    found = None
    for frame, line in traceback.walk_tb(trace):
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith(FILE_PLUGIN) or any(module == name or module.startswith(f"{name}.") for name in plugins):
            found = f"plugin {frame.f_code.co_filename}, line {line}, in {frame.f_code.co_name}"
    return found


def _plugins() -> set[str]:
    plugins = sys.modules.get("deepcli.spec.plugins")
    return set(plugins.imported) if plugins else set()
