"""Writing a file in one step: under a temporary name, flushed to disk, and renamed."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from deepcli.errors import TrainingError

LONGEST_NAME = 200
"""Bytes of a name that its temporary one repeats; file systems allow 255, and a suffix follows."""


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name to write to; flush it to disk and rename it when the block ends well.

    Raises:
        TrainingError: The disk is full, or the folder is gone or read-only; the old file is untouched.
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
    """Begin the hidden name beside a path under which it is made: short enough wherever the path's own name is."""
    name = path.name
    while len(os.fsencode(name)) > LONGEST_NAME:
        name = name[:-1]
    return f".{name}."


def write_text(path: Path, text: str) -> None:
    """Write a text file in one step."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def put_directory(made: Path, path: Path) -> None:
    """Give a directory that has been made under another name its own, where nothing is or an empty directory.

    Raises:
        FileExistsError: Something is there.
    """
    if os.name == "nt":  # elsewhere the empty directory is replaced in one step, so that nobody can take its place
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
    """Return the permissions that this process takes from what it makes."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
