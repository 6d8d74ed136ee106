"""The object that `--json` promises: printed once, by the command or, where it fails, from here."""

from __future__ import annotations

import codecs
import contextlib
import importlib
import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from deepcli.cli.asked import JSON, Asked, asked

if TYPE_CHECKING:
    from deepcli.result import Answer

Command = TypeVar("Command", bound=Callable[..., None])

_printed = False
_out: TextIO | None = None


class Terminated(BaseException):
    """SIGTERM, where a script waits for an object."""


def answers(shape: str) -> Callable[[Command], Command]:
    """Say what a command's `--json` prints: the class, as `module:Class`, which is imported only when it is needed."""

    def mark(command: Command) -> Command:
        command.shape = shape  # type: ignore[attr-defined]
        return command

    return mark


def shape_of(shape: str) -> Any:
    """Import the class that `answers` names."""
    module, _, name = shape.partition(":")
    return getattr(importlib.import_module(module), name)


def begin() -> None:
    """Forget what an earlier command line of this process printed."""
    global _printed
    _printed = False


def emit(answer: Answer) -> None:
    """Print a command's object.

    Raises:
        OutputError: It cannot be written.
    """
    _print(answer.to_json())


def _print(text: str) -> None:
    global _printed
    _printed = True
    print(fit(text, out().encoding), file=out(), flush=True)


def out() -> TextIO:
    """Return where results go, which is not `sys.stdout` while that is kept for nobody else."""
    return _out or sys.stdout


@contextlib.contextmanager
def alone(words: Sequence[str]) -> Iterator[None]:
    """Send to stderr what a plugin or a library prints while a script waits for objects on stdout."""
    global _out
    if JSON not in words or {"--help", "-h"} & {*words} or not asked(words).json:
        yield
        return
    _out = sys.stdout
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        _out = None


def fit(text: str, encoding: str | None) -> str:
    """Escape what an encoding, or UTF-8 itself, has no bytes for, so that names of files come back as they are."""
    with contextlib.suppress(UnicodeEncodeError, LookupError):
        text.encode("utf-8")
        if codecs.lookup(encoding or "utf-8").name == "utf-8":
            return text
    return json.dumps(json.loads(text))


def fail(words: Sequence[str], status: str, error: str, run: str | None = None) -> None:
    """Print the object of a command that failed, unless it has printed its own.

    Raises:
        OutputError: It cannot be written.
    """
    if _printed or JSON not in {word.partition("=")[0] for word in words}:
        return
    told = asked(words)
    if told.json:
        _print(failure(told, status, error, run))


def failure(told: Asked, status: str, error: str, run: str | None = None) -> str:
    """Write the object of a failure: the keys of the command's own object, and what went wrong.

    Args:
        told: What was asked for.
        status: failed or interrupted.
        error: What went wrong.
        run: The run directory that is left behind.
    """
    plain = {"schema": 1, "command": told.command, "status": status, "error": error}
    try:
        from deepcli.result import Answer

        shape = shape_of(told.shape) if told.shape else Answer
        if not issubclass(shape, Answer):  # a line of many, as of `predict`
            shape = Answer
        answer: Answer = shape.model_validate({**plain, **({"run": run} if "run" in shape.model_fields else {})})
        return answer.to_json()
    except Exception:  # whatever a broken installation raises: the promise holds nevertheless
        return json.dumps(plain)


@contextlib.contextmanager
def terminable(words: Sequence[str]) -> Iterator[None]:
    """Let the first SIGTERM raise `Terminated` where a script may wait for an object; the second ends the process."""
    ours = JSON in words and threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _terminate(number: int, frame: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    raise Terminated
