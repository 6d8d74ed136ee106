"""What a command does now, on the last line of a terminal: with a spinner, and the seconds so far."""

from __future__ import annotations

import sys
import time

from deepcli.api.line_fields import Field, fit
from deepcli.system.live_line import Draw, LiveLine

FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
PLAIN_FRAMES = "|/-\\"
FRAMES_A_SECOND = 10
SECONDS_FROM = 2.0
"""From this time on, the seconds are shown."""

_line = LiveLine()
"""The process has one terminal, so it has one live line."""


def show_line(draw: Draw) -> None:
    """Show a line of one's own at the bottom of the terminal, until `hide_line`."""
    _line.show(draw)


def hide_line() -> None:
    """Remove the line."""
    global _doing
    _doing = None
    _line.hide()


class _Doing:
    """Some work, since when, and how far it is."""

    def __init__(self, what: str) -> None:
        self.what, self.how_far, self._began = what, "", time.monotonic()

    def draw(self, width: int) -> str:
        seconds = time.monotonic() - self._began
        taken = f"{seconds:.0f} s" if seconds >= SECONDS_FROM else ""
        return fit([Field(f"{spinner(seconds)} {self.how_far or self.what}"), Field(taken, rank=1)], width)


_doing: _Doing | None = None


def show_doing(what: str) -> None:
    """Show what is done now, such as `reading the data`, until something else is shown or the line is hidden."""
    global _doing
    _doing = _Doing(what)
    _line.show(_doing.draw)


def show_how_far(text: str) -> bool:
    """Show how far the work is that is shown now; empty for its name. Return whether any work is shown."""
    if _doing is None:
        return False
    _doing.how_far = text
    return True


def spinner(seconds: float) -> str:
    """Return the frame of the spinner after some seconds."""
    frames = FRAMES if speaks_unicode() else PLAIN_FRAMES
    return frames[int(seconds * FRAMES_A_SECOND) % len(frames)]


def speaks_unicode() -> bool:
    """Return whether stderr can show characters such as those of the bar."""
    return (getattr(sys.stderr, "encoding", None) or "").lower().replace("-", "") == "utf8"
