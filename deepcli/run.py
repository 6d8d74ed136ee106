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
from pathlib import Path
from typing import Any, Literal

from deepcli.errors import RunError
from deepcli.result import Result
from deepcli.writing import flush, temporary_prefix, umask, write_text

STALE_SECONDS = 3600
# A result has a line for each metric; what is cut off here is no JSON any more.
MAX_RESULT_BYTES = 1 << 20

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
        self.history = path / "history.csv"
        self.metrics = path / "metrics.json"
        self.log = path / "train.log"
        self.trackers = path / "trackers.json"
        self.lock = path / ".lock"
        self.checkpoints = path / "checkpoints"
        self.best = self.checkpoints / "best.keras"
        self.last = self.checkpoints / "last.keras"

    def predictions(self, split: str) -> Path:
        """Name the file with a split's predictions."""
        return self.path / f"predictions-{split}.npz"

    def mistakes(self, split: str) -> Path:
        """Name the file with the examples of a split that the model got most wrong."""
        return self.path / f"mistakes-{split}.npz"

    @classmethod
    def open(cls, path: Path) -> RunDir:
        """Open an existing run.

        Raises:
            RunError: There is no run there.
        """
        run = cls(path)
        if not run.config.is_file():
            raise RunError(f"{path} is no run directory: it has no config.yaml")
        return run

    @classmethod
    def create(cls, path: Path, config: str, environment: Mapping[str, Any], replace: bool = False) -> RunDir:
        """Make a run directory whole, under another name, and rename it.

        Args:
            path: Where it shall be.
            config: The resolved spec.
            environment: What goes into `environment.json`.
            replace: Whether a run that is there may be replaced.

        Raises:
            RunError: It cannot be written, or something else is there.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _sweep(path)
            staging = Path(tempfile.mkdtemp(prefix=temporary_prefix(path), dir=path.parent))
            try:
                staging.chmod(0o777 & ~umask())
                staged = cls(staging)
                staged.checkpoints.mkdir()
                write_text(staged.config, config)
                write_text(staged.environment, json.dumps(environment, indent=2, ensure_ascii=False) + "\n")
                _put(staging, path, replace)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
        except OSError as error:
            if error.errno in (errno.EEXIST, errno.ENOTEMPTY) and path.is_dir():
                raise RunError(_begun_meanwhile(path)) from None
            raise RunError(f"cannot write the run directory {path}: {error.strerror or error}") from None
        return cls(path)

    @contextlib.contextmanager
    def owned(self) -> Iterator[None]:
        """Keep other processes from training in this run; that ends with this process, however it ends.

        Raises:
            RunError: Another process is training in it, or it cannot be written.
        """
        from filelock import FileLock, Timeout

        lock = FileLock(self.lock, timeout=0, is_singleton=False)
        try:
            lock.acquire()
        except Timeout:
            raise RunError(f"the run {self.path} is being trained by another process; wait for it, or end it") from None
        except OSError as error:
            raise RunError(f"cannot write the run directory {self.path}: {error.strerror or error}") from None
        try:
            yield
        finally:
            lock.release()

    def is_owned(self) -> bool:
        """Tell whether a process is training in it just now."""
        if not self.lock.exists():
            return False
        try:
            with self.owned():
                return False
        except RunError:
            return True

    def reopen(self) -> None:
        """Remove what a process that was killed had begun to write, and the results of a run that goes on.

        Raises:
            RunError: They cannot be removed.
        """
        begun = [*self.path.glob(".*.*"), *self.checkpoints.glob(".*.*")]
        try:
            for file in [
                *begun,
                self.metrics,
                self.history,
                *self.path.glob("predictions-*.npz"),
                *self.path.glob("mistakes-*.npz"),
            ]:
                file.unlink(missing_ok=True)
            self.checkpoints.mkdir(exist_ok=True)
        except OSError as error:
            raise RunError(f"cannot write the run directory {self.path}: {error.strerror or error}") from None

    def result(self) -> Result | None:
        """Read what the run came to; None if it has not ended."""
        try:
            if not self.metrics.is_file():
                return None
            with self.metrics.open("rb") as stream:
                return Result.from_json(stream.read(MAX_RESULT_BYTES).decode("utf-8"))
        except (OSError, ValueError):
            return None

    def write_history(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write one row an epoch; the first row names the columns."""
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]) if rows else ["epoch"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_text(self.history, text.getvalue())


def default_path(name: str) -> Path:
    """Name a new run directory under `runs/` after the experiment and the time."""
    path = Path("runs") / f"{name}-{datetime.now():%Y%m%d-%H%M%S}"
    number = 1
    while path.exists():
        number += 1
        path = path.with_name(f"{path.name.partition('_')[0]}_{number}")
    return path


def is_free(path: Path) -> bool:
    """Tell whether nothing is there, or an empty folder."""
    return not path.exists() or (path.is_dir() and not any(path.iterdir()))


def existing(path: Path, if_exists: IfExists) -> Result | None:
    """Decide what a directory that is there already means for a new run.

    Returns:
        The result of a finished run that shall not be trained again; None to go ahead.

    Raises:
        RunError: The run may not be started.
    """
    if is_free(path):
        return None
    run = RunDir(path)
    if not run.config.is_file():
        raise RunError(f"{path} exists and is no run directory; nothing was touched")
    if if_exists == "error":
        raise RunError(f"the run {path} exists; choose another --output, or --if-exists skip, resume or overwrite")
    if if_exists == "overwrite":
        with run.owned():
            return None
    if if_exists == "resume":
        return None
    result = run.result()
    if result is None:
        raise RunError(
            f"the run {path} exists and has not finished; --if-exists resume goes on with it, overwrite starts afresh"
        )
    return result


def _sweep(path: Path) -> None:
    """Remove what was being staged for a run when its process was killed; others may be staging it just now."""
    for left in path.parent.glob(f"{glob.escape(temporary_prefix(path))}????????"):
        if left.is_dir() and time.time() - left.stat().st_mtime > STALE_SECONDS:
            shutil.rmtree(left, ignore_errors=True)


def _begun_meanwhile(path: Path) -> str:
    """Say why a directory cannot be taken that was free, or another run's to replace, when the command began."""
    return (
        f"another process has begun the run {path} meanwhile; choose another --output, or wait until it has ended and use "
        "--if-exists skip or resume"
    )


def _put(staging: Path, path: Path, replace: bool) -> None:
    if not path.exists():
        staging.rename(path)
    elif not any(path.iterdir()):
        path.rmdir()
        staging.rename(path)
    elif replace and RunDir(path).config.is_file():
        with RunDir(path).owned():
            old = Path(tempfile.mkdtemp(prefix=temporary_prefix(path), dir=path.parent))
            path.rename(old / "old")
            staging.rename(path)
        shutil.rmtree(old)
    else:
        raise RunError(_begun_meanwhile(path))
    flush(path.parent)
