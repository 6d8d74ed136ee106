"""Refuses options for reading inputs that would have no effect on any of them, before anything is read."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from deepcli.errors import UsageError
from deepcli.inputs import arrays
from deepcli.inputs.reading import FILES, STDIN, STRUCTURED, ReadOptions


def demand_effect(options: ReadOptions, words: Iterable[str]) -> None:
    """Check that each option applies to at least one input.

    Raises:
        UsageError: An option applies to none of them.
    """
    if options.lines and options.column is not None:
        raise UsageError("--lines and --column: choose one")
    suffixes = [_suffix(word) for word in words]
    if options.key is not None and ".npz" not in suffixes:
        raise UsageError("--key: has no effect; it chooses an array in an .npz file, and no input is an .npz file")
    texts = [suffix for suffix in suffixes if suffix is not None and suffix not in arrays.SUFFIXES]
    if options.column is not None and not texts:
        raise UsageError("--column: has no effect; no input is a table, JSON file or folder")
    if options.lines and all(suffix in STRUCTURED for suffix in texts):
        raise UsageError("--lines: has no effect; no input is a text file or folder")


def _suffix(word: str) -> str | None:
    """Return the suffix of a file's name; empty for a folder and for standard input, None for a text."""
    suffix = Path(word).suffix.lower()
    if word == STDIN or os.path.isdir(word):  # noqa: PTH112 - a text may be longer than any name
        return ""
    return suffix if os.path.exists(word) or (" " not in word and suffix in FILES) else None  # noqa: PTH110
