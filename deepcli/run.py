"""A run directory: every file name in it, and every write to it."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from deepcli.errors import RunError, TrainingError
from deepcli.result import Result

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
        self.checkpoints = path / "checkpoints"
        self.best = self.checkpoints / "best.keras"
        self.last = self.checkpoints / "last.keras"

    def predictions(self, split: str) -> Path:
        """Name the file with a split's predictions."""
        return self.path / f"predictions-{split}.npz"

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
            staging = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
            try:
                staging.chmod(0o777 & ~_umask())
                staged = cls(staging)
                staged.checkpoints.mkdir()
                write_text(staged.config, config)
                write_text(staged.environment, json.dumps(environment, indent=2, ensure_ascii=False) + "\n")
                _put(staging, path, replace)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
        except OSError as error:
            raise RunError(f"cannot write the run directory {path}: {error.strerror or error}") from None
        return cls(path)

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


def existing(path: Path, if_exists: IfExists) -> Result | None:
    """Decide what a directory that is there already means for a new run.

    Returns:
        The result of a finished run that shall not be trained again; None to go ahead.

    Raises:
        RunError: The run may not be started.
    """
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return None
    run = RunDir(path)
    if not run.config.is_file():
        raise RunError(f"{path} exists and is no run directory; nothing was touched")
    if if_exists == "error":
        raise RunError(f"the run {path} exists; choose another --output, or --if-exists skip, resume or overwrite")
    if if_exists == "overwrite":
        return None
    result = run.result()
    if result is None:
        how = "resuming is not there yet" if if_exists == "resume" else "it cannot be skipped"
        raise RunError(f"the run {path} exists and has not finished; {how}: use --if-exists overwrite to start afresh")
    return result


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name to write to; flush it to disk and rename it when the block ends well.

    Raises:
        TrainingError: The disk is full, or the folder is gone or read-only; the old file is untouched.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise TrainingError(f"cannot write {path}: {error.strerror or error}") from error
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        _flush(temporary)
        temporary.replace(path)
        _flush(path.parent)
    except OSError as error:
        raise TrainingError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def write_text(path: Path, text: str) -> None:
    """Write a text file in one step."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def _put(staging: Path, path: Path, replace: bool) -> None:
    if not path.exists():
        staging.rename(path)
    elif not any(path.iterdir()):
        path.rmdir()
        staging.rename(path)
    elif replace and RunDir(path).config.is_file():
        old = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        path.rename(old / "old")
        staging.rename(path)
        shutil.rmtree(old)
    else:
        raise RunError(f"the run {path} exists")
    _flush(path.parent)


def _flush(path: Path) -> None:
    """Make the operating system write a file, or the entries of a folder, to disk."""
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
