"""A run directory: every file name in it, and every write to it."""

from __future__ import annotations

import contextlib
import csv
import errno
import glob
import io
import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any, Literal

from deepcli.data.schema import MAX_BYTES, Schema
from deepcli.data.schema_reading import read_schema
from deepcli.errors import RunError, UsageError
from deepcli.result import Result
from deepcli.run.near_runs import RUNS, run_hint
from deepcli.system.atomic import flush, put_directory, temporary_prefix, umask, write_text

STALE_SECONDS = 3600
POLL_SECONDS = 0.002
"""Interval for trying a lock again."""
LOOKED_AT_SECONDS = 0.5
"""A lock that is taken for less was only looked at, as `deepcli runs` does to see whether a run is being trained."""
# A result has one line per metric, so a larger file is not a result: cut off here, it fails to parse as JSON.
MAX_RESULT_BYTES = 1 << 20

OWN = (
    "config.yaml", "environment.json", "history.csv", "metrics.json", "schema.json", "trackers.json", "train.log",
    "samples.txt", "checkpoints", "predictions-*.npz", "mistakes-*.npz", "evaluation-*.json",
)  # fmt: skip
"""The files that a run writes into its directory; other output must not overwrite them."""

IfExists = Literal["error", "resume", "skip", "overwrite"]


class RunDir:
    """The files of one run.

    Args:
        path: The directory.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.yaml"
        self.environment = path / "environment.json"
        self.schema = path / "schema.json"
        self.history = path / "history.csv"
        self.metrics = path / "metrics.json"
        self.log = path / "train.log"
        self.trackers = path / "trackers.json"
        self.samples = path / "samples.txt"
        self.lock = path / ".lock"
        self.checkpoints = path / "checkpoints"
        self.best = self.checkpoints / "best.keras"
        self.last = self.checkpoints / "last.keras"

    def predictions(self, split: str) -> Path:
        """Return the path of the file with a split's predictions."""
        return self.path / f"predictions-{split}.npz"

    def mistakes(self, split: str) -> Path:
        """Return the path of the file with the worst mistakes on a split."""
        return self.path / f"mistakes-{split}.npz"

    def evaluation(self, split: str) -> Path:
        """Return the path of the file with what `evaluate` measured on a split."""
        return self.path / f"evaluation-{split}.json"

    @classmethod
    def open(cls, path: Path) -> RunDir:
        """Open an existing run.

        Raises:
            RunError: The path is not a run directory.
        """
        run = cls(path)
        if not run.config.is_file():
            raise RunError(f"{path} is not a run: no config.yaml in it{run_hint(path)}")
        return run

    @classmethod
    def create(
        cls,
        path: Path,
        config: str,
        environment: Mapping[str, Any],
        replace: bool = False,
        numbered: bool = False,
        schema: Schema | None = None,
    ) -> RunDir:
        """Create a run directory atomically: write it under a temporary name, then rename it.

        Args:
            path: The path of the directory.
            config: The resolved spec.
            environment: The content of `environment.json`.
            replace: Whether an existing run may be replaced.
            numbered: Whether to append the next free number to the name if the path exists.
            schema: What the data hold.

        Raises:
            RunError: The directory cannot be written, or the path exists.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _sweep(path)
            path = _take(path) if numbered else path
            staging = Path(tempfile.mkdtemp(prefix=temporary_prefix(path), dir=path.parent))
            try:
                staging.chmod(0o777 & ~umask())
                staged = cls(staging)
                staged.checkpoints.mkdir()
                write_text(staged.config, config)
                write_text(staged.environment, json.dumps(environment, indent=2, ensure_ascii=False) + "\n")
                if schema is not None:
                    write_text(staged.schema, schema.model_dump_json(indent=2) + "\n")
                _put(staging, path, replace)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
                if numbered:
                    _leave(path)
        except OSError as error:
            if error.errno in (errno.EEXIST, errno.ENOTEMPTY) and path.is_dir():
                raise RunError(_begun_meanwhile(path)) from None
            raise RunError(f"cannot write the run directory {path}: {error.strerror or error}") from None
        return cls(path)

    @contextlib.contextmanager
    def owned(self, patience: float = LOOKED_AT_SECONDS) -> Iterator[None]:
        """Lock the run against training by other processes; the lock is released even if this process is killed.

        Args:
            patience: Seconds until a lock that another process has counts as taken by one that trains.

        Raises:
            RunError: Another process is training the run, or the directory cannot be written.
        """
        from filelock import FileLock, Timeout

        lock = FileLock(self.lock, timeout=patience, is_singleton=False, poll_interval=POLL_SECONDS)
        try:
            lock.acquire()
        except Timeout:
            raise RunError(f"the run {self.path} is being trained by another process; wait for it or stop it") from None
        except OSError as error:
            raise RunError(f"cannot write the run directory {self.path}: {error.strerror or error}") from None
        try:
            yield
        finally:
            lock.release()

    def is_owned(self) -> bool:
        """Return whether a process is training the run now."""
        if not self.lock.exists():
            return False
        try:
            with self.owned(2 * POLL_SECONDS):  # others may look at it, too
                return False
        except RunError:
            return True

    def reopen(self) -> None:
        """Remove the temporary files of a killed process, and results that resuming the run will write again.

        Raises:
            RunError: A file cannot be removed.
        """
        begun = [*self.path.glob(".*.*"), *self.checkpoints.glob(".*.*")]
        try:
            for file in [
                *begun,
                self.metrics,
                self.history,
                self.samples,
                *self.path.glob("predictions-*.npz"),
                *self.path.glob("mistakes-*.npz"),
                *self.path.glob("evaluation-*.json"),
            ]:
                file.unlink(missing_ok=True)
            self.checkpoints.mkdir(exist_ok=True)
        except OSError as error:
            raise RunError(f"cannot write the run directory {self.path}: {error.strerror or error}") from None

    def data_schema(self) -> Schema | None:
        """Read what the run's data hold; None if the run is older than schemas, or the file is damaged."""
        try:
            with self.schema.open("rb") as stream:
                return read_schema(stream.read(MAX_BYTES + 1))
        except (OSError, ValueError):
            return None

    def described(self) -> dict[str, Any]:
        """Read the run's `environment.json`; empty if it is missing or damaged."""
        try:
            with self.environment.open("rb") as stream:
                return dict(json.loads(stream.read(MAX_RESULT_BYTES).decode("utf-8")))
        except (OSError, ValueError, TypeError):
            return {}

    def result(self) -> Result | None:
        """Read the run's result; None if it has not ended or the result is damaged."""
        return _result(self.metrics)

    def evaluated(self, split: str) -> Result | None:
        """Read what `evaluate` measured on a split; None if it has not, or the file is damaged."""
        return _result(self.evaluation(split))

    def write_history(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write `history.csv` with one row per epoch; the first row's keys name the columns."""
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]) if rows else ["epoch"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_text(self.history, text.getvalue())


def _result(file: Path) -> Result | None:
    try:
        if not file.is_file():
            return None
        with file.open("rb") as stream:
            return Result.from_json(stream.read(MAX_RESULT_BYTES).decode("utf-8"))
    except (OSError, ValueError):
        return None


def default_path(name: str) -> Path:
    """Return a path under `runs/` from the experiment's name and the time; `create` numbers it if it exists."""
    return RUNS / f"{name}-{datetime.now():%Y%m%d-%H%M%S}"


def new_folder(path: Path) -> Path:
    """Create a folder, or one of this name with its first free number, which only this process gets.

    Raises:
        RunError: It cannot be created.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _take(path)
    except OSError as error:
        raise RunError(f"cannot write the folder {path}: {error.strerror or error}") from None


def is_free(path: Path) -> bool:
    """Return whether a path does not exist or is an empty folder."""
    return not path.exists() or (path.is_dir() and not any(path.iterdir()))


def demand_free(output: Path) -> None:
    """Check that a command's --output does not overwrite files of a run.

    Raises:
        UsageError: The path belongs to a run.
    """
    inside = output if RunDir(output).config.is_file() else output.parent
    own = any(output.match(pattern) for pattern in OWN)
    if RunDir(inside).config.is_file() and (inside == output or own):
        raise UsageError(f"--output: {output} belongs to the run {inside}; name another file or directory")


def existing(path: Path, if_exists: IfExists) -> bool:
    """Return whether a path has a run that is to be skipped or resumed.

    Raises:
        RunError: The path exists, and a new run may not be started there.
    """
    if is_free(path):
        return False
    run = RunDir(path)
    if not run.config.is_file():
        raise RunError(f"{path} exists and is not a run; nothing was changed")
    if if_exists == "error":
        raise RunError(f"the run {path} exists; choose another --output, or use --if-exists skip, resume or overwrite")
    if if_exists == "overwrite":
        with run.owned():
            return False
    return True


def _sweep(path: Path) -> None:
    """Remove temporary directories that killed processes left behind; recent ones may still be in use and stay."""
    for left in path.parent.glob(f"{glob.escape(temporary_prefix(path))}????????"):
        with contextlib.suppress(OSError):  # another process may rename it at this moment
            if left.is_dir() and time.time() - left.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(left, ignore_errors=True)


def _begun_meanwhile(path: Path) -> str:
    """Return the error for a path that another process took after this command started."""
    return (
        f"another process has started the run {path} in the meantime; choose another --output, or wait until it has "
        "ended and use --if-exists skip or resume"
    )


def _take(path: Path) -> Path:
    """Reserve a name, or its first free number, by creating an empty directory that only this process gets."""
    for number in count(1):
        taken = path if number == 1 else path.with_name(f"{path.name}_{number}")
        with contextlib.suppress(FileExistsError):
            taken.mkdir()
            return taken
    raise AssertionError("numbers do not end")


def _leave(taken: Path) -> None:
    """Release a reserved name that was not used."""
    with contextlib.suppress(OSError):
        taken.rmdir()


def _put(staging: Path, path: Path, replace: bool) -> None:
    if is_free(path):
        try:
            put_directory(staging, path)
        except FileExistsError:
            raise RunError(_begun_meanwhile(path)) from None
    elif replace and RunDir(path).config.is_file():
        with RunDir(path).owned():
            old = Path(tempfile.mkdtemp(prefix=temporary_prefix(path), dir=path.parent))
            path.rename(old / "old")
            staging.rename(path)
        shutil.rmtree(old)
    else:
        raise RunError(_begun_meanwhile(path))
    flush(path.parent)
