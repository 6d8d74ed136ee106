"""Colours of a few words on a terminal, readable on a light and on a dark ground; none elsewhere."""

from __future__ import annotations

import os
from typing import Literal, TextIO

Meaning = Literal["bad", "good", "notice"]

# Of xterm's 256 colours those that have about the same contrast to white and to black; the palette's own red and green,
# for terminals with 16 colours, are as readable as their theme makes them.
OF_256: dict[Meaning, int] = {"bad": 161, "good": 28, "notice": 130}
OF_16: dict[Meaning, int] = {"bad": 31, "good": 32, "notice": 35}

STARTS: dict[str, Meaning] = {"error:": "bad", "notice:": "notice"}
"""First words of a line that are coloured."""

VERDICTS: dict[str, Meaning] = {"better": "good", "worse": "bad"}
"""Results of comparisons; a difference within noise is neither good nor bad."""


def shows_colours(stream: TextIO | None) -> bool:
    """Return whether colours may be written to a stream: a terminal that knows them, whose user has not refused them."""
    if os.environ.get("NO_COLOR") or not is_terminal(stream):
        return False
    return os.environ.get("TERM") not in ("dumb", "unknown")


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether a stream is a terminal."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # the stream is closed
        return False


def coloured(text: str, meaning: Meaning | None, stream: TextIO | None) -> str:
    """Colour a text by its meaning, if the stream shows colours."""
    if meaning is None or not shows_colours(stream):
        return text
    many = "256" in os.environ.get("TERM", "") or os.environ.get("COLORTERM") in ("truecolor", "24bit")
    code = f"38;5;{OF_256[meaning]}" if many else str(OF_16[meaning])
    return f"\x1b[1;{code}m{text}\x1b[0m"


def verdict(text: str, stream: TextIO | None) -> str:
    """Colour the verdict of a comparison."""
    return coloured(text, VERDICTS.get(text), stream)


def line(text: str, stream: TextIO | None) -> str:
    """Colour what a line begins with, such as `notice:`, and a verdict at its end."""
    for start, meaning in STARTS.items():
        if text.startswith(start):
            text = coloured(start, meaning, stream) + text[len(start) :]
    for last, meaning in VERDICTS.items():
        if text.endswith(f"this model is {last}"):
            text = text[: -len(last)] + coloured(last, meaning, stream)
    return text
