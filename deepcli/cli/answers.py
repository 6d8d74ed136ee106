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
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from deepcli.result import Answer

JSON = "--json"
Command = TypeVar("Command", bound=Callable[..., None])

_printed = False


class Terminated(BaseException):
    """SIGTERM, where a script waits for an object."""


@dataclass(frozen=True)
class Asked:
    """What a command line asks for.

    Attributes:
        command: The command, as in `sweep run`; None if it names none.
        json: Whether a script waits for an object.
        shape: The class of the command's objects, as `module:Class`.
    """

    command: str | None
    json: bool
    shape: str | None = None


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
    print(fit(text, sys.stdout.encoding), flush=True)


def fit(text: str, encoding: str | None) -> str:
    """Escape what an encoding, or UTF-8 itself, has no bytes for, so that names of files come back as they are."""
    with contextlib.suppress(UnicodeEncodeError, LookupError):
        text.encode("utf-8")
        if codecs.lookup(encoding or "utf-8").name == "utf-8":
            return text
    return json.dumps(json.loads(text))


def asked(words: Sequence[str]) -> Asked:
    """Find out what a command line asks for, however wrong the rest of it is.

    The command tree knows which command has `--json`. Below a name that it does not know, the word is enough.
    """
    from deepcli.cli.app import command

    node, rest, early = command(), list(words), False
    names: list[str] = []
    while (commands := getattr(node, "commands", None)) is not None:
        place = next((index for index, word in enumerate(rest) if not word.startswith("-")), len(rest))
        early = early or JSON in rest[:place]
        if place == len(rest) or rest[place] not in commands:
            return Asked(" ".join(names) or None, early or JSON in rest)
        names.append(rest[place])
        node, rest = commands[rest[place]], rest[place + 1 :]
    return Asked(" ".join(names), _has(node) and (early or _given(node, rest)), getattr(node.callback, "shape", None))


def _has(node: Any) -> bool:
    return any(JSON in option.opts for option in node.params)


def _given(node: Any, words: Sequence[str]) -> bool:
    """Look for the option among words that may hold any mistake, as the parser itself stops at the first."""
    options = [one for one in node.params if one.param_type_name == "option"]
    valued = {name for option in options if not (option.is_flag or option.count) for name in option.opts}
    left = iter(words)
    for word in left:
        if word == "--":
            return False
        if word.partition("=")[0] == JSON:
            return True
        if _takes_next(word, valued):
            next(left, None)
    return False


def _takes_next(word: str, valued: set[str]) -> bool:
    """Say whether the next word is the value of an option in this one."""
    if word in valued:
        return True
    if word.startswith("--") or not word.startswith("-"):
        return False
    letters = word[1:]
    first = next((place for place, letter in enumerate(letters) if f"-{letter}" in valued), len(letters))
    return first == len(letters) - 1


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
