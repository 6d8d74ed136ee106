"""One process at a time: locks for what several processes would make at once, such as a download or a cache entry."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from deepcli.data.files import cache_folder


@contextlib.contextmanager
def alone(target: Path, folder: Path | None = None) -> Iterator[bool]:
    """Lock the making of a file, waiting for other processes; gives False, without a lock, if locking fails.

    Args:
        target: What is made.
        folder: The cache folder that holds the locks; None for deepcli's own.
    """
    try:
        locks = (folder or cache_folder()) / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(os.fsencode(target.resolve())).hexdigest()[:32]
        release = _lock(locks / f"{name}.lock")
    except (OSError, RuntimeError):
        yield False
        return
    try:
        yield True
    finally:
        release()


def _lock(path: Path) -> Callable[[], object]:
    """Lock a file and return what unlocks it; where the system can do it, without filelock, which takes 0.1 s to import.

    Raises:
        OSError: The file cannot be made or locked. RuntimeError is possible too.
    """
    try:
        import fcntl
    except ImportError:
        import filelock

        lock = filelock.FileLock(path)
        lock.acquire()
        return lock.release
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
    except OSError:
        os.close(handle)
        raise
    return lambda: os.close(handle)
