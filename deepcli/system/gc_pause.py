"""Pausing Python's garbage collector while a large number of long-lived objects is created."""

from __future__ import annotations

import contextlib
import gc
import io
from collections.abc import Iterator

BUFFERED = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Pause garbage collection during a block; its passes take longer with every object that stays."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def flush_files() -> None:
    """Flush every open file, for a process that exits without doing so.

    `gc.freeze` hides all earlier objects from the collector, including a plugin's file in a reference cycle.
    """
    gc.unfreeze()
    # `type(…)`, because `isinstance` asks proxies for their class, and some import a package to answer.
    files = [found for found in gc.get_objects() if issubclass(type(found), BUFFERED)]
    gc.freeze()
    for file in files:
        with contextlib.suppress(OSError, ValueError):
            file.flush()
