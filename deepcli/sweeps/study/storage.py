"""The Optuna storage of a sweep: a journal file in its directory that survives killed writers, or a database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
from filelock import FileLock
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._file import BaseJournalFileLock

from deepcli.errors import RunError, UsageError
from deepcli.sweeps.directory import POLL_SECONDS, SweepDir
from deepcli.sweeps.leases import Leases
from deepcli.sweeps.study.connection import Connection, Patience, StorageGone, lost

if TYPE_CHECKING:
    from sqlalchemy import URL


class _Lock(BaseJournalFileLock):
    """A lock of the operating system, released when its process dies; Optuna's own would stay for half a minute."""

    def __init__(self, path: Path) -> None:
        self._lock = FileLock(path, is_singleton=False, poll_interval=POLL_SECONDS)

    def acquire(self) -> bool:
        self._lock.acquire()
        return True

    def release(self) -> None:
        self._lock.release()


class Journal(JournalFileBackend):
    """A journal that repairs itself: if a killed writer left an incomplete last line, it is moved to another file.

    Args:
        path: The journal file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        super().__init__(str(path), _Lock(path.with_name(f".{path.name}.lock")))

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        # The lock is reentrant: Optuna acquires it again inside.
        self._lock.acquire()
        try:
            self._mend()
            super().append_logs(logs)
        finally:
            self._lock.release()

    def _mend(self) -> None:
        """Move an incomplete last line to another file, as Optuna cannot read a journal with one in the middle."""
        with self._path.open("r+b") as file:
            if not file.seek(0, 2):
                return
            file.seek(-1, 2)
            if file.read(1) == b"\n":
                return
            file.seek(0)
            content = file.read()
            whole = content.rfind(b"\n") + 1
            with self._path.with_suffix(".torn").open("ab") as torn:
                torn.write(content[whole:] + b"\n")
            file.truncate(whole)


class ReadOnlyJournal(Journal):
    """A journal that refuses to be written.

    Args:
        path: The journal file, which must exist.
    """

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        raise RunError(f"{self._path} is open for reading only")


def open_storage(url: str | None, journal: Path, patience: Patience | None = None) -> BaseStorage:
    """Open the storage of a sweep.

    Args:
        url: An Optuna storage URL; None for the journal.
        journal: The journal file.
        patience: How to wait for a PostgreSQL server that does not answer, now and later; None for not at all.

    Raises:
        UsageError: The URL is invalid, or the driver of its database is not installed.
        RunError: The database cannot be reached, or the journal cannot be read.
        StorageGone: The server has not answered for too long.
    """
    return _journal(Journal, journal) if url is None else _database(url, patience=patience)


def open_leases(storage: BaseStorage, folder: SweepDir, place: str, study: str) -> Leases:
    """Return the leases of a sweep: in its database if that is PostgreSQL, else files in its directory.

    Args:
        storage: The storage of the sweep.
        folder: The worker's directory of the sweep.
        place: That directory among those of the sweep's workers; empty for the first.
        study: The name of the study.
    """
    from deepcli.sweeps.study.database_leases import DatabaseLeases
    from deepcli.sweeps.study.leased_storage import LeasedStorage

    return DatabaseLeases(folder, place, study, storage) if isinstance(storage, LeasedStorage) else Leases(folder)


def open_for_reading(url: str | None, journal: Path) -> BaseStorage:
    """Open the storage of an existing sweep so that nothing can be written through it.

    Args:
        url: An Optuna storage URL; None for the journal.
        journal: The journal file.

    Raises:
        UsageError: The URL is invalid, or the driver of its database is not installed.
        RunError: The database cannot be reached, or the journal cannot be read.
    """
    if url is None:
        if not journal.is_file():
            raise RunError(f"{journal}: no such file; the sweep has not started yet")
        return _journal(ReadOnlyJournal, journal)
    storage = _database(url, skip_table_creation=True)
    _refuse_writes(storage.engine)
    return storage


def _journal(kind: type[Journal], path: Path) -> BaseStorage:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        return JournalStorage(kind(path))
    except OSError as error:
        raise RunError(f"cannot open {path}: {error.strerror or error}") from None
    except ValueError as error:
        raise RunError(f"{path} is damaged: {error}") from None


def _refuse_writes(engine: Any) -> None:
    """Let a database's connections take queries and nothing else."""
    from sqlalchemy import event

    @event.listens_for(engine, "before_cursor_execute")
    def refuse(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if not statement.lstrip().upper().startswith("SELECT"):
            raise RunError(f"the storage is open for reading only, so this was refused: {statement.split()[0]}")


def close_storage(storage: BaseStorage) -> None:
    """Close the connections to a database; a journal has no connections."""
    storage.remove_session()
    if isinstance(storage, RDBStorage):
        storage.engine.dispose()


def _database(url: str, skip_table_creation: bool = False, patience: Patience | None = None) -> RDBStorage:
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        if has_leases(url) and not skip_table_creation:
            return _leased(url, patience or Patience())
        return RDBStorage(url, skip_table_creation=skip_table_creation)
    except (ImportError, ArgumentError, NoSuchModuleError, ValueError) as error:
        install = "; for PostgreSQL: pip install 'deepcli[postgresql]'" * isinstance(error, ImportError)
        raise UsageError(f"--storage {without_password(url)}: {_first_line(error)}{install}") from None
    except StorageGone as error:
        if patience is not None:
            raise
        raise RunError(f"the storage {without_password(url)} cannot be used: {lost(error.__cause__)}") from None
    except SQLAlchemyError as error:
        raise RunError(f"the storage {without_password(url)} cannot be used: {_first_line(error)}") from None


def _leased(url: str, patience: Patience) -> RDBStorage:
    """Open a PostgreSQL database; several processes may make its tables at once."""
    from sqlalchemy import create_engine

    from deepcli.sweeps.study.lease_table import making_tables
    from deepcli.sweeps.study.leased_storage import LeasedStorage, connect_options

    connection = Connection(server_of(url), patience)

    def opened() -> RDBStorage:
        engine = create_engine(url, connect_args=connect_options(url))
        try:
            with making_tables(engine):
                return LeasedStorage(url, connection)
        finally:
            engine.dispose()

    return connection.waiting(opened)


def has_leases(url: str) -> bool:
    """Return whether a storage has the leases of a sweep in it, so that its workers need no common directory."""
    parsed = _parsed(url)
    return parsed is not None and parsed.get_backend_name() == "postgresql"


def server_of(url: str) -> str:
    """Name the server of a database."""
    parsed = _parsed(url)
    if parsed is None or parsed.host is None:
        return "this machine"
    return f"{parsed.host}:{parsed.port or 5432}"


def is_loopback(url: str) -> bool:
    """Return whether a URL names a server that only its own machine reaches under this name."""
    parsed = _parsed(url)
    return parsed is not None and (parsed.host or "localhost") in ("localhost", "127.0.0.1", "::1")


def has_password(url: str) -> bool:
    """Return whether a URL has a password in it."""
    parsed = _parsed(url)
    return parsed is not None and parsed.password is not None


def _parsed(url: str) -> URL | None:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        return None


def without_password(url: str) -> str:
    """Return a URL with its password hidden, to be shown or saved."""
    parsed = _parsed(url)
    return url.rpartition("@")[2] if parsed is None else parsed.render_as_string(hide_password=True)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
