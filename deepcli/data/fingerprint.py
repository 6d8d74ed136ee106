"""Fingerprints of data: stored in runs and checkpoints, and compared whenever the data are read again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

KEYS = ("sha256", "content")
"""The data set's own SHA-256, and the SHA-256 of everything that was read; older runs have only the first."""

MAX_LETTERS = 4096


def is_mark(value: object) -> bool:
    """Return whether a fingerprint can be stored and shown; a plugin may return anything as its SHA-256."""
    return value is None or (isinstance(value, str) and len(value) <= MAX_LETTERS and value.isprintable())


def compared(known: Mapping[str, Any], read: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the fingerprints to compare, the known one and the one read; None if they share no kind."""
    for key in reversed(KEYS):
        before, now = known.get(key), read.get(key)
        if isinstance(before, str) and isinstance(now, str) and before and now:
            return before, now
    return None
