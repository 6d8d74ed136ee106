"""The command and the `--json` option of a command line, found even if the rest of it is invalid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

JSON = "--json"


@dataclass(frozen=True)
class Asked:
    """The command of a command line, and whether it should print JSON.

    Attributes:
        command: The command, such as `sweep run`; None if the command line names none.
        json: Whether `--json` is given.
        shape: The class of the command's objects, as `module:Class`.
    """

    command: str | None
    json: bool
    shape: str | None = None


def asked(words: Sequence[str]) -> Asked:
    """Find the command and `--json` in a command line, even if the rest of it is invalid.

    `--json` counts only for a command that has this option. After an unknown command, the word alone counts.
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
    """Return whether `--json` is among the words, whatever mistakes they contain; Click stops at the first mistake."""
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
    """Return whether the next word is the value of an option in this word."""
    if word in valued:
        return True
    if word.startswith("--") or not word.startswith("-"):
        return False
    letters = word[1:]
    first = next((place for place, letter in enumerate(letters) if f"-{letter}" in valued), len(letters))
    return first == len(letters) - 1
