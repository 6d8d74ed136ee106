"""A sweep's directory: every file name in it, who may decide something about it, and which trial is whose."""

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
"""How soon a lock that another process gives back is taken; each holds it for about as long."""


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

    def run(self, number: int, seed: int | None = None) -> Path:
        """Name the run directory of a trial; with several seeds, that of one of them."""
        trial = self.trials / f"{number:04d}"
        return trial if seed is None else trial / f"seed-{seed}"

    def log(self, name: str) -> Path:
        """Name the file where a worker, or a trial that failed, left what it had to say."""
        return self.logs / f"{name}.log"

    @classmethod
    def open(cls, path: Path) -> SweepDir:
        """Open an existing sweep.

        Raises:
            RunError: There is no sweep there.
        """
        folder = cls(path)
        if not folder.plan.is_file():
            raise RunError(f"{path} is no sweep directory: it has no sweep.json")
        return folder

    @classmethod
    def create(cls, path: Path, plan: Mapping[str, Any], name: str, storage: str | None) -> SweepDir:
        """Make a sweep directory.

        Args:
            path: Where it shall be.
            plan: What is to be done.
            name: Begins the name that the study has in a storage, where others may be too.
            storage: Where it is kept, without a password; None is a journal in the directory.

        Raises:
            RunError: It cannot be written, or something else is there.
        """
        folder = cls(path)
        if not is_free(path):
            what = "is a run, no sweep" if RunDir(path).config.is_file() else "exists and is no sweep directory"
            raise RunError(f"{path} {what}; nothing was touched; choose another --output")
        study = f"{name}-{secrets.token_hex(4)}"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Whole or not at all, and for one process alone: of two, the other finds it there.
            with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as made:
                staged = cls(Path(made) / "sweep")
                for inner in (staged.trials, staged.leases, staged.logs):
                    inner.mkdir(parents=True)
                staged.write_plan({"study": study, "storage": storage, "plan": plan})
                put_directory(staged.path, path)
        except OSError as error:
            raise RunError(f"cannot write the sweep directory {path}: {error.strerror or error}") from None
        return folder

    def write_plan(self, stored: Mapping[str, Any]) -> None:
        """Keep what the sweep is.

        Raises:
            TrainingError: It cannot be written.
        """
        write_text(self.plan, json.dumps(stored, indent=2, ensure_ascii=False) + "\n")

    def read_plan(self) -> dict[str, Any]:
        """Read the name of the study, where it is kept, and the plan.

        Raises:
            RunError: It is damaged.
        """
        try:
            stored = dict(json.loads(self.plan.read_text(encoding="utf-8")))
            if not isinstance(stored["study"], str) or not isinstance(stored["storage"], str | None):
                raise TypeError
            return {**stored, "plan": dict(stored["plan"])}
        except (OSError, ValueError, TypeError, KeyError):
            raise RunError(f"{self.plan} is damaged, so the sweep cannot go on; its runs can still be listed") from None

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Decide something about the whole sweep while no other process does; that is soon over."""
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
        """Take a trial for this process, until it gives it back or ends, however it ends; None if another has it."""
        from filelock import Timeout

        lock = _lock(self.leases / name)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return None
        return lock


def _lock(path: Path) -> BaseFileLock:
    from filelock import FileLock

    return FileLock(path, is_singleton=False, poll_interval=POLL_SECONDS)


def default_path(name: str) -> Path:
    """Name a sweep's directory after its spec; the same command again finds it."""
    return Path("sweeps") / name
