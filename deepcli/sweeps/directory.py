"""A sweep's directory: its file names, the lock of the whole sweep, and the leases on its trials."""

from __future__ import annotations

import contextlib
import json
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepcli.errors import RunError
from deepcli.run.directory import RunDir, is_free
from deepcli.system.atomic import put_directory, write_text

if TYPE_CHECKING:
    from filelock import BaseFileLock

POLL_SECONDS = 0.002
"""Interval for checking whether a lock is free; processes hold locks for about this time."""

PLOTS = ("history", "parallel-coordinates", "slices")
"""Names of a sweep's plots, each a PNG file."""


class SweepDir:
    """The files of one sweep.

    Args:
        path: The directory.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.plan = path / "sweep.json"
        self.journal = path / "journal.log"
        self.trials = path / "trials"
        self.leases = path / ".leases"
        self.logs = path / "logs"
        self.lock = path / ".lock"
        self.table = path / "trials.csv"
        self.best = path / "best.yaml"
        self.outcome = path / "outcome.json"
        self.plots = [path / f"{name}.png" for name in PLOTS]

    def run(self, number: int, seed: int | None = None) -> Path:
        """Return the run directory of a trial, or with several seeds, of one of its runs."""
        trial = self.trials / f"{number:04d}"
        return trial if seed is None else trial / f"seed-{seed}"

    def log(self, name: str) -> Path:
        """Return the log file of a worker or of a failed trial."""
        return self.logs / f"{name}.log"

    @classmethod
    def open(cls, path: Path) -> SweepDir:
        """Open an existing sweep.

        Raises:
            RunError: The path is not a sweep directory.
        """
        folder = cls(path)
        if not folder.plan.is_file():
            raise RunError(f"{path} is not a sweep: no sweep.json in it")
        return folder

    @classmethod
    def create(cls, path: Path, plan: Mapping[str, Any], name: str, storage: str | None) -> SweepDir:
        """Create a sweep directory.

        Args:
            path: The path of the directory.
            plan: The plan as JSON values.
            name: The prefix of the study's name in the storage, which several sweeps may share.
            storage: The storage URL without a password; None for a journal file in the directory.

        Raises:
            RunError: The directory cannot be written, or the path exists.
        """
        if not is_free(path):
            what = "is a run, not a sweep" if RunDir(path).config.is_file() else "exists and is not a sweep"
            raise RunError(f"{path} {what}; nothing was changed; choose another --output")
        study = f"{name}-{secrets.token_hex(4)}"
        return cls.put(path, {"study": study, "storage": storage, "plan": plan})

    @classmethod
    def put(cls, path: Path, stored: Mapping[str, Any]) -> SweepDir:
        """Create a sweep directory with this `sweep.json`.

        Raises:
            RunError: The directory cannot be written, or the path exists.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Created atomically: if two processes try at once, one of them finds the other's directory.
            with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as made:
                staged = cls(Path(made) / "sweep")
                for inner in (staged.trials, staged.leases, staged.logs):
                    inner.mkdir(parents=True)
                staged.write_plan(stored)
                put_directory(staged.path, path)
        except OSError as error:
            raise RunError(f"cannot write the sweep directory {path}: {error.strerror or error}") from None
        return cls(path)

    def write_plan(self, stored: Mapping[str, Any]) -> None:
        """Write `sweep.json`.

        Raises:
            TrainingError: The file cannot be written.
        """
        write_text(self.plan, json.dumps(stored, indent=2, ensure_ascii=False) + "\n")

    def read_plan(self) -> dict[str, Any]:
        """Read `sweep.json`: the study's name, the storage, the plan, and this directory's place; empty for the first.

        Raises:
            RunError: The file is damaged.
        """
        try:
            stored = dict(json.loads(self.plan.read_text(encoding="utf-8")))
            if not isinstance(stored["study"], str) or not isinstance(stored["storage"], str | None):
                raise TypeError
            return {**stored, "plan": dict(stored["plan"]), "place": str(stored.get("place", ""))}
        except (OSError, ValueError, TypeError, KeyError):
            raise RunError(
                f"{self.plan} is damaged, so the sweep cannot be resumed; `deepcli runs` can still list its runs"
            ) from None

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Lock the whole sweep inside the block, which must be short."""
        try:
            lock = _lock(self.lock)
            lock.acquire()
        except OSError as error:
            raise RunError(f"cannot write the sweep directory {self.path}: {error.strerror or error}") from None
        try:
            yield
        finally:
            lock.release()

    def lease(self, name: str) -> BaseFileLock | None:
        """Reserve a trial until this process releases it or ends, even if killed; None if another process has it."""
        from filelock import Timeout

        lock = _lock(self.leases / name)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return None
        return lock

    def is_leased(self, name: str) -> bool:
        """Return whether a process holds a trial; asked inside `exclusive`, so that nobody finds it taken meanwhile."""
        lease = self.lease(name)
        if lease is None:
            return True
        lease.release()
        return False


def _lock(path: Path) -> BaseFileLock:
    from filelock import FileLock

    return FileLock(path, is_singleton=False, poll_interval=POLL_SECONDS)


def default_path(name: str) -> Path:
    """Return a sweep's default directory, named after its spec so that the same command finds it again."""
    return Path("sweeps") / name
