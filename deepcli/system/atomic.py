"""Writing files atomically: under a temporary name, flushed to disk, then renamed."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from deepcli.errors import TrainingError

LONGEST_NAME = 200
"""Bytes of a file's name that its temporary name repeats; file systems allow 255, and a suffix follows."""


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary file to write to; flush it to disk and rename it if the block succeeds.

    Raises:
        TrainingError: The disk is full, or the folder is missing or read-only; the old file is unchanged.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=temporary_prefix(path), suffix=path.suffix, dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise TrainingError(f"cannot write {path}: {error.strerror or error}") from error
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~umask())
        flush(temporary)
        temporary.replace(path)
        flush(path.parent)
    except OSError as error:
        raise TrainingError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def temporary_prefix(path: Path) -> str:
    """Return the prefix of the hidden temporary name of a path, short enough if the path's own name is."""
    name = path.name
    while len(os.fsencode(name)) > LONGEST_NAME:
        name = name[:-1]
    return f".{name}."


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def put_directory(made: Path, path: Path) -> None:
    """Rename a finished directory to its final path, which may be an empty directory.

    Raises:
        FileExistsError: The final path is a file or a directory that is not empty.
    """
    if os.name == "nt":  # other systems replace an empty directory atomically
        with contextlib.suppress(FileNotFoundError):
            path.rmdir()
    try:
        made.rename(path)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise FileExistsError(error.errno, os.strerror(errno.EEXIST), str(path)) from None
        raise


def flush(path: Path) -> None:
    """Make the operating system write a file, or the entries of a folder, to disk."""
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def umask() -> int:
    """Return the process's umask."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
