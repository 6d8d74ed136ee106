"""Python's garbage collector, out of the way while very many objects are made that all stay."""

from __future__ import annotations

import contextlib
import gc
import io
from collections.abc import Iterator

BUFFERED = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Make no pass over the objects that a block makes; the collector's passes grow with every object that stays."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def flush_files() -> None:
    """Flush every open file, for a process whose end does not.

    `gc.freeze` keeps what was there before for good, and with it a plugin's file that is part of a reference cycle.
    """
    gc.unfreeze()
    # By the type itself: `isinstance` would ask proxies for their class, and some import a package for it.
    files = [found for found in gc.get_objects() if issubclass(type(found), BUFFERED)]
    gc.freeze()
    for file in files:
        with contextlib.suppress(OSError, ValueError):
            file.flush()
