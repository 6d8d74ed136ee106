"""The JSON object that `--json` prints, exactly once: by the command, or from here if the command fails."""

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
    """Raised by SIGTERM while a script waits for a JSON object."""


def answers(shape: str) -> Callable[[Command], Command]:
    """Declare the class of the object that a command's `--json` prints, as `module:Class`; it is imported lazily."""

    def mark(command: Command) -> Command:
        command.shape = shape  # type: ignore[attr-defined]
        return command

    return mark


def shape_of(shape: str) -> Any:
    """Import the class that `answers` names."""
    module, _, name = shape.partition(":")
    return getattr(importlib.import_module(module), name)


def begin() -> None:
    """Forget that an earlier command line of this process printed an object."""
    global _printed
    _printed = False


def leave_out(wanted: bool = True) -> None:
    """Print no object, even if the command fails, where another process of the same run prints it."""
    global _printed
    _printed = _printed or wanted


def is_printed() -> bool:
    """Return whether an object was printed, or another process prints it."""
    return _printed


def emit(answer: Answer) -> None:
    """Print a command's JSON object.

    Raises:
        OutputError: Standard output cannot be written.
    """
    _print(answer.to_json())


def _print(text: str) -> None:
    global _printed
    _printed = True
    print(fit(text, out().encoding), file=out(), flush=True)


def out() -> TextIO:
    """Return the stream for results, even while `alone` redirects `sys.stdout` to stderr."""
    return _out or sys.stdout


@contextlib.contextmanager
def alone(words: Sequence[str]) -> Iterator[None]:
    """With `--json`, redirect what plugins and libraries print to stderr, so that stdout holds only JSON."""
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
    """Escape characters of a JSON text that the encoding lacks, so that file names survive unchanged."""
    with contextlib.suppress(UnicodeEncodeError, LookupError):
        text.encode("utf-8")
        if codecs.lookup(encoding or "utf-8").name == "utf-8":
            return text
    return json.dumps(json.loads(text))


def fail(words: Sequence[str], status: str, error: str, run: str | None = None) -> None:
    """Print the JSON object of a failed command, unless the command has already printed one.

    Raises:
        OutputError: Standard output cannot be written.
    """
    if _printed or JSON not in {word.partition("=")[0] for word in words}:
        return
    told = asked(words)
    if told.json:
        _print(failure(told, status, error, run))


def failure(told: Asked, status: str, error: str, run: str | None = None) -> str:
    """Format the JSON object of a failed command: the keys of its own object, with the status and the error.

    The status is failed or interrupted; `run` is the run directory that was created, if any.
    """
    plain = {"schema": 1, "command": told.command, "status": status, "error": error}
    try:
        from deepcli.result import Answer

        shape = shape_of(told.shape) if told.shape else Answer
        if not issubclass(shape, Answer):  # `predict` prints one object per input
            shape = Answer
        known = {"run": run, "ended": "signal" if run and status == "interrupted" else None}
        answer: Answer = shape.model_validate({**plain, **{k: v for k, v in known.items() if k in shape.model_fields}})
        return answer.to_json()
    except Exception:  # even a broken installation must print an object
        return json.dumps(plain)


@contextlib.contextmanager
def terminable(words: Sequence[str]) -> Iterator[None]:
    """With `--json`, let the first SIGTERM raise `Terminated`; the second ends the process."""
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
