"""Leases on the trials of a sweep: one process at a time trains a trial. Here, locks of files in the sweep's directory."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol, TypeVar

from deepcli.sweeps.directory import SweepDir

if TYPE_CHECKING:
    from filelock import BaseFileLock

T = TypeVar("T")


class LeaseLost(Exception):
    """Another process holds the lease that this process held, so what it did for it must not count."""


class Lease(Protocol):
    """A reservation of something by name.

    Attributes:
        token: What nobody but its holder has; None where the operating system releases a lease with its process, so that
            it cannot be lost.
        lost: Whether another process is known to have taken it.
    """

    token: str | None
    lost: bool

    def confirm(self) -> None:
        """Check that this process holds the lease.

        Raises:
            LeaseLost: Another process has taken it.
        """

    def release(self) -> None:
        """Let others have it."""

    def park(self) -> None:
        """Let others in this directory have it, who find a checkpoint there, and only after a while those elsewhere."""


class FileLease:
    """A lock of a file, which ends with its process, even if killed.

    Args:
        lock: The lock, held by this process.
    """

    def __init__(self, lock: BaseFileLock) -> None:
        self.token: str | None = None
        self.lost = False
        self._lock = lock

    def confirm(self) -> None:
        """Do nothing: the lock is held until it is released."""

    def release(self) -> None:
        """Release the lock."""
        self._lock.release()

    def park(self) -> None:
        """Release the lock: all others are in this directory."""
        self._lock.release()


class Leases:
    """The leases of a sweep whose directory all its workers share.

    Args:
        folder: The sweep's directory.

    Attributes:
        place: The directory among those of the sweep's workers, as `sweep.json` has it; empty for the first.
        look_seconds: How often to look for a free trial while others train all that are left.
    """

    look_seconds = 0.2

    def __init__(self, folder: SweepDir, place: str = "") -> None:
        self.folder, self.place = folder, place

    @property
    def in_database(self) -> bool:
        """Whether workers may have directories of their own, on other machines."""
        return False

    def exclusive(self) -> AbstractContextManager[None]:
        """Lock the whole sweep inside the block, which must be short."""
        return self.folder.exclusive()

    def take(self, name: str) -> Lease | None:
        """Reserve something by its name; None if another process has it."""
        lock = self.folder.lease(name)
        return None if lock is None else FileLease(lock)

    def candidates(self, names: Iterable[str]) -> list[str]:
        """Return those of these that are worth an attempt to take them; asked inside `exclusive`."""
        return list(names)

    def taken(self, names: Iterable[str]) -> set[str]:
        """Return which of these a process holds."""
        with self.folder.exclusive():  # so that nobody finds them taken meanwhile
            return {name for name in names if self.folder.is_leased(name)}

    def fence(self, trial_id: int, lease: Lease) -> None:
        """Let the storage accept what is written about a trial only while this lease is held."""

    @contextlib.contextmanager
    def creating(self, number: int, lease: Lease) -> Iterator[None]:
        """Let the storage create a trial inside the block only with this number, and only while its lease is held."""
        yield

    def waiting(self, work: Callable[[], T]) -> T:
        """Do something with the storage; where it is a server that does not answer, wait for it and do it again."""
        return work()

    def at_once(self, work: Callable[[], T]) -> T | None:
        """Do something with the storage, or return None where it is a server that does not answer."""
        return work()

    def presence(self) -> Lease | None:
        """Tell other machines that a worker is at work here, until the lease is released; None if nobody must know."""
        return None

    def is_present(self, place: str) -> bool:
        """Return whether a worker in another directory of the sweep has said that it is at work."""
        return False

    def close(self) -> None:
        """Release what belongs to this process as a whole."""


def host() -> str:
    """Return the name of this machine."""
    import socket

    return socket.gethostname() or "unknown"


def spot(folder: SweepDir) -> str:
    """Return what only processes share that see the same file locks: a directory of one machine, not a copy of it."""
    found = folder.path.stat()
    return f"{host()}:{found.st_dev}:{found.st_ino}"
