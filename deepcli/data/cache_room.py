"""Room in deepcli's cache: entries used longest ago are deleted first, and what killed processes left half-made."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from pathlib import Path

MAX_BYTES = 10 << 30
"""Bytes that entries of one kind may take, unless a single one needs more."""
ABANDONED_SECONDS = 24 * 3600


def make_room(folder: Path, needed: int = 0, keep_recent: float = 0, most: int | None = None) -> None:
    """Delete the entries of a cache folder that were used longest ago until the rest and `needed` bytes fit.

    An entry is a file or a folder; its time of modification is when it was last used. Hidden entries are half-made: they
    are deleted when they have been abandoned for a day. Failures are ignored: another process may delete the same ones.

    Args:
        folder: The folder of the entries; nothing in it belongs to the user.
        needed: Bytes that are about to be written.
        keep_recent: Seconds; entries used more recently stay.
        most: Bytes that the entries may take; None for `MAX_BYTES`.
    """
    total, now = needed, time.time()
    for used, size, path in sorted(_entries(folder), reverse=True):
        if path.name.startswith("."):
            if now - used > ABANDONED_SECONDS:
                _delete(path)
            continue
        total += size
        if total > (MAX_BYTES if most is None else most) and now - used > keep_recent:
            _delete(path)


def _entries(folder: Path) -> list[tuple[float, int, Path]]:
    found = []
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            with contextlib.suppress(OSError):
                about = path.lstat()
                found.append((about.st_mtime, _size(path) if path.is_dir() else about.st_size, path))
    return found


def _size(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += (Path(place) / name).lstat().st_size
    return total


def _delete(path: Path) -> None:
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            hidden = path.with_name(f".{path.name}.deleted")
            path.rename(hidden)  # at once, so that nobody takes a folder that is half deleted for whole
            shutil.rmtree(hidden, ignore_errors=True)
        else:
            path.unlink()


def full(folder: Path, error: OSError, needed: int | None = None) -> str:
    """Describe why a cache folder cannot be written, and what to do."""
    size = f" {needed / (1 << 20):,.0f} MiB of" if needed else ""
    return (
        f"{folder}: cannot write{size} the cache: {error.strerror or error}\n"
        "  free some space there, or set DEEPCLI_CACHE_DIR to a folder on a larger disk"
    )
