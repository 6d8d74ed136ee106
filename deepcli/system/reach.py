"""What looking at own data may do while a command or a call runs: fetch from other machines, and show how far it is."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass

Counting = Callable[[str, int, int], None]
"""Receives what is counted, the number done, and the number of all."""


@dataclass(frozen=True)
class Reach:
    """What may be done.

    Attributes:
        offline: Whether downloads are forbidden; None: as the environment says.
        downloading: Called with (name, bytes so far, bytes in total or None) during a download.
        decoding: Called with (what is decoded, number done, number of all).
    """

    offline: bool | None = None
    downloading: Callable[[str, int, int | None], None] | None = None
    decoding: Counting | None = None


_REACH: ContextVar[Reach | None] = ContextVar("reach", default=None)


@contextlib.contextmanager
def reaching(reach: Reach) -> Iterator[None]:
    """Allow what `reach` says to everything that looks at own data inside."""
    before = _REACH.set(reach)
    try:
        yield
    finally:
        _REACH.reset(before)


def reach() -> Reach:
    """Return what is allowed at the moment."""
    return _REACH.get() or Reach()
