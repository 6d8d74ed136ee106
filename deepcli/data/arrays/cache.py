"""A disk cache for arrays that take long to prepare from a file; the key depends on the content of that file.

An entry is one file, named by its key and never changed: a line of JSON, then the arrays one after another. It is written
under a temporary name and renamed when it is complete, so that no process reads half an entry and several may write the
same one. Arrays are compared with the SHA-256 in the first line when they are read, and nothing in an entry is ever
executed. A cache that cannot be read or written is treated as empty, never as an error.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepcli.data.arrays.splits import fingerprint
from deepcli.data.files import cache_folder

SUFFIX = ".v1.arrays"
"""Suffix of an entry's name; its version changes with the layout, so that no version reads another's entries."""
MAX_BYTES = 1 << 30
MAX_HEADER = 1 << 12
ALIGNMENT = 64
ABANDONED_SECONDS = 24 * 3600
_DAMAGE = (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError)


@dataclass(frozen=True)
class Prepared:
    """One-dimensional arrays and the SHA-256 of their joined content; arrays from the cache are read-only."""

    arrays: tuple[np.ndarray, ...]
    sha256: str


def load(key: str, dtypes: Sequence[str]) -> Prepared | None:
    """Map the arrays of an entry into memory; None if the entry is missing or damaged.

    Args:
        key: The key given to `store`; it must depend on everything that the arrays depend on.
        dtypes: The dtype of each array.
    """
    try:
        entry = _entry(key)
        found = _read(entry, dtypes)
    except (*_DAMAGE, RuntimeError):
        return None
    with contextlib.suppress(OSError):
        os.utime(entry)  # the least recently used entries are deleted first
    return found


def store(key: str, prepared: Prepared) -> None:
    """Write arrays to the cache for `load`, and delete old entries to make room; failures are ignored."""
    if sum(array.nbytes for array in prepared.arrays) > MAX_BYTES:
        return
    with contextlib.suppress(OSError, RuntimeError):
        entry = _entry(key)
        entry.parent.mkdir(parents=True, exist_ok=True)
        _write(entry, prepared)
        _prune(entry.parent)


def _entry(key: str) -> Path:
    return cache_folder() / "prepared" / f"{key}{SUFFIX}"


def _read(entry: Path, dtypes: Sequence[str]) -> Prepared:
    with entry.open("rb") as file:
        header = json.loads(file.readline(MAX_HEADER))
        start = file.tell()
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    arrays = []
    for dtype, count in zip(dtypes, header["counts"], strict=True):
        start = _aligned(start)
        arrays.append(np.frombuffer(content, dtype, count, start))
        start += arrays[-1].nbytes
    if fingerprint(*arrays) != header["sha256"]:
        raise ValueError("an entry of the cache is damaged")
    return Prepared(tuple(arrays), header["sha256"])


def _write(entry: Path, prepared: Prepared) -> None:
    header = {"sha256": prepared.sha256, "counts": [len(array) for array in prepared.arrays]}
    handle, name = tempfile.mkstemp(prefix=".", suffix=SUFFIX, dir=entry.parent)
    try:
        # Not flushed to disk: damage from a power failure is noticed when the entry is read.
        with os.fdopen(handle, "wb") as out:
            out.write(json.dumps(header).encode() + b"\n")
            for array in prepared.arrays:
                out.write(bytes(_aligned(out.tell()) - out.tell()))
                out.write(np.ascontiguousarray(array).data)
        Path(name).replace(entry)
    finally:
        with contextlib.suppress(OSError):
            Path(name).unlink()


def _aligned(place: int) -> int:
    return -(-place // ALIGNMENT) * ALIGNMENT


def _prune(folder: Path) -> None:
    """Delete the least recently used entries until the rest fits, and half-written files of killed processes."""
    found = []
    for path in folder.glob("*.arrays"):
        with contextlib.suppress(OSError):
            found.append((path.stat().st_mtime, path.stat().st_size, path))
    total = 0
    for used, size, path in sorted(found, reverse=True):
        total += size
        half_written = path.name.startswith(".")
        if time.time() - used > ABANDONED_SECONDS if half_written else total > MAX_BYTES:
            with contextlib.suppress(OSError):
                path.unlink()
