"""Leases as rows of the sweep's database: workers need no common directory, and a worker that is gone loses its leases."""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

from deepcli.sweeps.directory import SweepDir
from deepcli.sweeps.leases import Lease, LeaseLost, Leases, spot
from deepcli.sweeps.study.connection import lost
from deepcli.sweeps.study.lease_table import LeaseTable

if TYPE_CHECKING:
    from filelock import BaseFileLock

    from deepcli.sweeps.study.leased_storage import LeasedStorage

T = TypeVar("T")

RENEW_SECONDS = 15.0
"""How often leases are renewed."""

RETRY_SECONDS = 2.0
"""How soon renewing is tried again while the server does not answer."""

AT_WORK = "worker-"
"""Begins the name of the lease that says that a worker is at work."""


class DatabaseLease:
    """A row of the database that is renewed until it is released, and a lock of a file in the worker's own directory.

    Args:
        leases: Those of the sweep.
        name: What is reserved.
        lock: The lock of a file, held by this process.
    """

    def __init__(self, leases: DatabaseLeases, name: str, lock: BaseFileLock | None) -> None:
        self.token: str | None = secrets.token_hex(16)
        self.name, self.lost = name, False
        self._leases, self._lock = leases, lock

    def confirm(self) -> None:
        """Check with the server that this process holds the lease, waiting for the server if need be.

        Raises:
            LeaseLost: Another worker has taken it.
            StorageGone: The server has not answered for too long.
        """
        if self.lost or not self._leases.confirm(self):
            self.lost = True
            raise LeaseLost("another worker has taken the trial, as its lease was not renewed in time")

    def release(self) -> None:
        """Give the lease back; if the server does not answer, the row is left to expire."""
        self._leases.drop(self)
        if self._lock is not None:
            self._lock.release()

    def park(self) -> None:
        """Give the lease back to those in this directory; others can take it when it is too old."""
        self._leases.drop(self, parked=True)
        if self._lock is not None:
            self._lock.release()


class DatabaseLeases(Leases):
    """The leases of a sweep that has a PostgreSQL database.

    A worker in the same directory of the same machine takes the lease of one that died at once, as the lock of a file says
    that it died; one elsewhere after it has not been renewed for `LEASE_SECONDS`.

    Args:
        folder: The worker's directory of the sweep.
        place: That directory among those of the sweep's workers.
        study: The name of the study.
        storage: The database.
    """

    look_seconds = 1.0

    def __init__(self, folder: SweepDir, place: str, study: str, storage: LeasedStorage) -> None:
        super().__init__(folder, place)
        self._storage, self._table = storage, LeaseTable(storage.engine, study)
        storage.study = study
        self._spot = spot(folder)
        self._held: dict[str, DatabaseLease] = {}
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def in_database(self) -> bool:
        """Whether workers may have directories of their own."""
        return True

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Exclude the processes of this directory, then those of all others."""
        with self.folder.exclusive(), self._table.exclusive():
            yield

    def take(self, name: str) -> Lease | None:
        """Reserve something by its name; None if a process has it, or had it and may still be at work elsewhere."""
        lock = self.folder.lease(name)
        if lock is None:
            return None
        lease = DatabaseLease(self, name, lock)
        try:
            is_taken = self._table.take(name, str(lease.token), self.place, self._spot)
        except BaseException:
            lock.release()
            raise
        if not is_taken:
            lock.release()
            return None
        self._keep(lease)
        return lease

    def candidates(self, names: Iterable[str]) -> list[str]:
        """Return those of these that nobody elsewhere holds, by one look at the table."""
        elsewhere = {held.name for held in self._table.live() if held.spot != self._spot}
        return [name for name in names if name not in elsewhere]

    def taken(self, names: Iterable[str]) -> set[str]:
        """Return which of these a process holds, or may hold."""
        live = {held.name: held for held in self.waiting(self._table.live)}
        found = [live[name] for name in names if name in live and live[name].token]
        mine = super().taken([held.name for held in found if held.spot == self._spot])
        return {held.name for held in found if held.spot != self._spot or held.name in mine}

    def fence(self, trial_id: int, lease: Lease) -> None:
        """Let the storage accept what is written about a trial only while this lease is held."""
        self._storage.fence(trial_id, lease)

    @contextlib.contextmanager
    def creating(self, number: int, lease: Lease) -> Iterator[None]:
        """Let the storage create a trial inside the block only with this number, and only while its lease is held."""
        self._storage.create_only((number, lease))
        try:
            yield
        finally:
            self._storage.create_only(None)

    def waiting(self, work: Callable[[], T]) -> T:
        """Do something with the database, waiting for its server."""
        return self._storage.connection.waiting(work)

    def at_once(self, work: Callable[[], T]) -> T | None:
        """Do something with the database, or return None if its server does not answer."""
        return self._storage.connection.at_once(work)

    def presence(self) -> Lease | None:
        """Tell other machines that a worker is at work here, until the lease is released."""
        lease = DatabaseLease(self, f"{AT_WORK}{secrets.token_hex(8)}", None)
        self.waiting(lambda: self._table.take(lease.name, str(lease.token), self.place, self._spot))
        self._keep(lease)
        return lease

    def is_present(self, place: str) -> bool:
        """Return whether a worker has said that it is at work in another directory of the sweep."""
        live = self.waiting(self._table.live)
        return any(held.place == place and held.name.startswith(AT_WORK) for held in live)

    def confirm(self, lease: DatabaseLease) -> bool:
        """Renew a lease now; return whether it is held."""
        token = str(lease.token)
        return token in self.waiting(lambda: self._table.renew([token]))

    def drop(self, lease: DatabaseLease, parked: bool = False) -> None:
        """Forget a lease, and remove or park its row if the server answers."""
        self._held.pop(str(lease.token), None)
        give_back = self._table.park if parked else self._table.drop
        if not lease.lost:
            self.at_once(lambda: give_back(str(lease.token)))

    def close(self) -> None:
        """Stop renewing."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(RETRY_SECONDS)

    def _keep(self, lease: DatabaseLease) -> None:
        """Renew a lease from now on, in a thread."""
        self._held[str(lease.token)] = lease
        if self._thread is None:
            self._thread = threading.Thread(target=self._renew, name="leases", daemon=True)
            self._thread.start()

    def _renew(self) -> None:
        pause = RENEW_SECONDS
        while not self._ended.wait(pause):
            held = dict(self._held)
            try:
                kept = self._table.renew(list(held)) if held else set()
            except Exception as error:
                if lost(error) is None:
                    raise
                pause = RETRY_SECONDS
                continue
            pause = RENEW_SECONDS
            for token, lease in held.items():
                lease.lost = lease.lost or token not in kept
