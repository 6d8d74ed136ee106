"""Words that a shell split at a space: `model.filters=[16, 16]` without quotes arrives as two words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deepcli.errors import Problem, SpecError
from deepcli.experiment.elements import COMMAND_LINE
from deepcli.experiment.load import is_override
from deepcli.spec.yaml12 import MAX_DEPTH

OPENING, CLOSING = "[{", "]}"


def refuse_split(words: Sequence[Any], overrides: Sequence[str] = ()) -> None:
    """Check that no word is only a part of what the user wrote.

    Args:
        words: Files and overrides, in order.
        overrides: Overrides that were given as options, whose ends are among the words.

    Raises:
        SpecError: A value has brackets that are not closed, or a word closes brackets that it does not open.
    """
    texts = [word if isinstance(word, str) else "" for word in words]
    ends = [word for word in texts if not is_override(word) and open_brackets(word) < 0 and not _exists(word)]
    cut = [*((word, texts[place + 1 :]) for place, word in enumerate(texts)), *((word, ends) for word in overrides)]
    for word, rest in cut:
        if is_override(word) and 0 < open_brackets(word) <= MAX_DEPTH:
            raise _refusal(word, "the bracket is not closed", _joined(word, rest))
    if ends:
        raise _refusal(ends[0], "is not a file, and closes a bracket that it does not open", "KEY=[16, 16]")


def _exists(word: str) -> bool:
    try:
        return Path(word).exists()
    except (OSError, ValueError):
        return False


def open_brackets(text: str) -> int:
    """Return how many brackets a text opens and does not close; a negative number if it closes more. Quotes hide them."""
    depth, quote = 0, ""
    for sign in text:
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'":
            quote = sign
        else:
            depth += (sign in OPENING) - (sign in CLOSING)
    return depth


def _joined(word: str, rest: Sequence[str]) -> str:
    """Return the whole that a word is the beginning of."""
    whole = word
    for part in rest:
        if is_override(part):
            break
        whole += f" {part}"
        if open_brackets(whole) <= 0:
            return whole
    return f"{word.rstrip()} …{CLOSING[OPENING.index(_last_open(word))]}"


def _last_open(word: str) -> str:
    return next(sign for sign in reversed(word) if sign in OPENING)


def _refusal(word: str, what: str, whole: str) -> SpecError:
    why = f"{what}; a shell splits words at spaces, so quote the whole: {quoted(whole)}"
    return SpecError([Problem(COMMAND_LINE, word if len(word) <= 80 else f"{word[:77]}...", why)])


def quoted(word: str) -> str:
    """Quote a word for a shell."""
    return f"'{word}'" if "'" not in word else f'"{word}"'
