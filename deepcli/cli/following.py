"""`--watch`: a table that is drawn again in place, or a line for each change where there is no terminal."""

from __future__ import annotations

import contextlib
import io
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TextIO, TypeVar

from deepcli.cli.answers import out
from deepcli.system import signals
from deepcli.system.live_block import LiveBlock
from deepcli.system.live_line import can_redraw

SECONDS_BETWEEN = 1.0
"""Time between two looks at what is watched."""
READING = "reading"
"""Shown until the first look has ended."""
SECONDS_OF_SLEEP = 0.1
"""A window that has another size is noticed within this time."""

Seen_contra = TypeVar("Seen_contra", contravariant=True)
Seen = TypeVar("Seen")


class WatchView(Protocol[Seen_contra]):
    """Shows what a look has found."""

    def table(self, seen: Seen_contra, height: int) -> list[str]:
        """Return the lines of a table, at most `height`."""

    def lines(self, seen: Seen_contra) -> Iterable[str]:
        """Return a line for each change since the last look."""

    def is_over(self, seen: Seen_contra) -> bool:
        """Return whether nothing will change any more."""


def follow(look: Callable[[], Seen], view: WatchView[Seen], json: bool) -> None:
    """Look again and again, and show what is found, until nothing can change any more or Ctrl-C ends it.

    Args:
        look: Returns what there is now.
        view: Shows it.
        json: Whether the lines are for programs, also on a terminal.
    """
    stream = out()
    redraws = not json and can_redraw(stream)
    with contextlib.suppress(KeyboardInterrupt):
        (_redraw if redraws else _print)(look, view, stream)


def _print(look: Callable[[], Seen], view: WatchView[Seen], stream: TextIO) -> None:
    while True:
        seen = look()
        for line in view.lines(seen):
            print(line, file=stream, flush=True)
        if view.is_over(seen):
            return
        _sleep(lambda: None)


def _redraw(look: Callable[[], Seen], view: WatchView[Seen], stream: TextIO) -> None:
    block, last = LiveBlock(stream), list[str]()

    def draw() -> None:
        nonlocal last
        size = shutil.get_terminal_size()
        last = view.table(seen, size.lines - 1)
        block.show(last, size)

    block.show([READING])
    try:
        while not view.is_over(seen := look()):
            draw()
            _sleep(draw)
        draw()
    finally:
        block.leave(last)


def _sleep(while_at_it: Callable[[], None]) -> None:
    """Wait for the next look, and do something meanwhile if the window has got another size."""
    ends, size = time.monotonic() + SECONDS_BETWEEN, shutil.get_terminal_size()
    while (left := ends - time.monotonic()) > 0:
        time.sleep(min(left, SECONDS_OF_SLEEP))
        signals.heed()
        if shutil.get_terminal_size() != size:
            size = shutil.get_terminal_size()
            while_at_it()


class _Drawn(io.StringIO):
    """Takes what is printed for a terminal."""

    def isatty(self) -> bool:
        return True


def drawn(show: Callable[[], None]) -> list[str]:
    """Return the lines that a function prints for a terminal."""
    taken = _Drawn()
    with contextlib.redirect_stdout(taken):
        show()
    return taken.getvalue().splitlines()


def fitting(draw: Callable[[int], Sequence[str]], rows: int, height: int) -> list[str]:
    """Draw a table with as many rows as fit into a height.

    Args:
        draw: Returns the lines of the table with a number of rows.
        rows: How many rows there are.
        height: The most lines.
    """
    shown = min(rows, max(height, 1))
    lines = list(draw(shown))
    while len(lines) > height and shown > 1:
        shown = max(shown - (len(lines) - height), 1)
        lines = list(draw(shown))
    return lines[:height]
