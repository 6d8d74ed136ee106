"""Standard output that raises an error of its own, so that its failures are not mistaken for those of other files."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any


class OutputError(Exception):
    """Standard output cannot be written, for example because the disk is full.

    Deliberately not an `OSError`: code that handles failures of its own files must not catch this one.

    Attributes:
        reader_gone: Whether the other end of a pipe was closed, as by `| head`.
    """

    def __init__(self, error: OSError) -> None:
        super().__init__(f"cannot write to standard output: {error.strerror or error}")
        self.reader_gone = error.errno == errno.EPIPE


class _Closed(io.TextIOBase):
    """Stands in for a standard output that was closed before the process began; `sys.stdout` is None then."""

    def write(self, text: str) -> int:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))


class _Guarded:
    """A text stream that raises `OutputError` where the one inside it raises `OSError`."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with _as_output_error():
            return int(self._stream.write(text))

    def writelines(self, lines: Iterable[str]) -> None:
        with _as_output_error():
            self._stream.writelines(lines)

    def flush(self) -> None:
        with _as_output_error():
            self._stream.flush()


@contextlib.contextmanager
def _as_output_error() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(error) from error


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """Make standard output raise `OutputError` during a block."""
    before = sys.stdout
    sys.stdout = _Guarded(_Closed() if before is None else before)
    try:
        yield
    finally:
        sys.stdout = before


def discard(stream: Any) -> None:
    """Discard what a stream has buffered, so that Python does not complain about it at exit."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
