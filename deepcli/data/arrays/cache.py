"""A cache of arrays that take long to prepare from a file, kept by the content of that file.

An entry is one file, named by its key and never changed: a line of JSON, then the arrays end to end. It is written under
another name and renamed when it is whole, so that nobody sees half of one and several may write it at once. What is
read is compared with the SHA-256 in that line, and nothing in it is ever executed. Trouble with the cache is no error:
then it is as if it were empty.
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
"""Ends the name of an entry; another number for another layout, so that no version reads another's."""
MAX_BYTES = 1 << 30
MAX_HEADER = 1 << 12
ALIGNMENT = 64
ABANDONED_SECONDS = 24 * 3600
_DAMAGE = (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError)


@dataclass(frozen=True)
class Prepared:
    """Arrays of one dimension each, and the SHA-256 of their content, end to end; from the cache they are read-only."""

    arrays: tuple[np.ndarray, ...]
    sha256: str


def load(key: str, dtypes: Sequence[str]) -> Prepared | None:
    """Map the arrays of an entry into memory; None if there is no such entry, or a damaged one.

    Args:
        key: What `store` was given, which must tell apart whatever the arrays depend on.
        dtypes: Of each array.
    """
    try:
        entry = _entry(key)
        found = _read(entry, dtypes)
    except (*_DAMAGE, RuntimeError):
        return None
    with contextlib.suppress(OSError):
        os.utime(entry)  # those used longest ago make room
    return found


def store(key: str, prepared: Prepared) -> None:
    """Keep arrays for `load`, and make room for them; without a word where that cannot be done."""
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
        # Not flushed to disk: what a power failure leaves of it is noticed when it is read.
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
    """Delete the entries used longest ago until the rest fits, and what a killed process has left half-written."""
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
