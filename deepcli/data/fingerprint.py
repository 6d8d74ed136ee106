"""What tells data from others: kept in runs and checkpoints, compared wherever data are read again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

KEYS = ("sha256", "content")
"""SHA-256 as the data set takes it, and of everything that was read; runs of older versions have the first alone."""

MAX_LETTERS = 4096


def is_mark(value: object) -> bool:
    """Tell whether a value can be kept and shown; what a plugin returns for its SHA-256 need be no digest."""
    return value is None or (isinstance(value, str) and len(value) <= MAX_LETTERS and value.isprintable())


def compared(known: Mapping[str, Any], read: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the two marks by which data can be told apart; None where one of them says too little."""
    for key in reversed(KEYS):
        before, now = known.get(key), read.get(key)
        if isinstance(before, str) and isinstance(now, str) and before and now:
            return before, now
    return None
