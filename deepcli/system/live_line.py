"""The last line of a terminal, drawn again and again below the lines that are printed."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import threading
from collections.abc import Callable
from typing import Any, TextIO

from deepcli.system.terminal_colours import is_terminal

SECONDS_BETWEEN = 0.1
ERASE = "\r\x1b[J"
"""Return to the line's start and clear from there to the end of the screen, also what a narrower window has wrapped."""

NO_WRAP, WRAP = "\x1b[?7l", "\x1b[?7h"
"""Around the line: where the window has become narrower since its width was asked for, the line is clipped, not wrapped."""

Draw = Callable[[int], str]
"""Returns the line for a width in columns."""


def can_redraw(stream: TextIO | None) -> bool:
    """Return whether a stream is a terminal on which a line can be drawn again."""
    return is_terminal(stream) and os.environ.get("TERM") not in ("dumb", "unknown")


class LiveLine:
    """Draws a line ten times a second in a thread, until it is hidden.

    The cursor stays at the line's start. So whatever a change of the window's width does to the line, clearing from the
    cursor on removes all of it, and a process that is killed leaves the prompt there.

    While the line is shown, what is printed to `sys.stdout` or `sys.stderr` first removes it. It is drawn through a file
    descriptor of its own: the import of TensorFlow redirects that of stderr.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._draw: Draw | None = None
        self._drawn = ""
        self._screen: TextIO | None = None
        self._wake = threading.Event()
        self._before: dict[str, Any] = {}
        self._open_end = False

    def show(self, draw: Draw) -> None:
        """Draw another line from now on."""
        with self._lock:
            self._draw = draw
            if self._screen is None:
                self._begin()
            self._redraw()

    def hide(self) -> None:
        """Remove the line, and leave the streams as they were."""
        with self._lock:
            self._draw = None
            if self._screen is None:
                return
            self._erase()
            for name, stream in self._before.items():
                if isinstance(getattr(sys, name), _Above):
                    setattr(sys, name, stream)
            with contextlib.suppress(OSError):
                self._screen.close()
            self._screen = None
            self._wake.set()

    def above(self, stream: Any, text: str) -> int:
        """Write a text to a stream of the same terminal, where the line was."""
        with self._lock:
            self._erase()
            self._open_end = not text.endswith("\n") if text else self._open_end
            written = int(stream.write(text))
            stream.flush()
            return written

    def _begin(self) -> None:
        try:
            encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
            self._screen = os.fdopen(os.dup(sys.stderr.fileno()), "w", encoding=encoding, errors="replace")
        except (OSError, ValueError, AttributeError):
            return
        if os.name == "nt":
            os.system("")  # lets the console interpret escape sequences
        self._before, self._open_end, self._wake = {}, False, threading.Event()
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if is_terminal(stream):
                self._before[name] = stream
                setattr(sys, name, _Above(self, stream))
        threading.Thread(target=self._keep_drawing, args=(self._wake,), daemon=True).start()

    def _keep_drawing(self, wake: threading.Event) -> None:
        while not wake.wait(SECONDS_BETWEEN):
            with self._lock:
                self._redraw()

    def _redraw(self) -> None:
        if self._screen is None or self._draw is None or self._open_end:
            return
        columns = _columns(self._screen)
        text = self._draw(columns)
        if text != self._drawn:
            self._put(f"{ERASE}{NO_WRAP}{text}{WRAP}\r")
            self._drawn = text

    def _erase(self) -> None:
        if self._drawn:
            self._put(ERASE)
            self._drawn = ""

    def _put(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            if self._screen is not None:
                self._screen.write(text)
                self._screen.flush()


class _Above:
    """Stands in for a stream while a live line is shown, and writes where the line was."""

    def __init__(self, line: LiveLine, stream: Any) -> None:
        self._line, self._stream = line, stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        return self._line.above(self._stream, text)

    def writelines(self, lines: Any) -> None:
        for text in lines:
            self.write(text)


def _columns(screen: TextIO) -> int:
    """Return the width of a terminal now; 80 if it does not say."""
    try:
        return os.get_terminal_size(screen.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def columns() -> int:
    """Return the width of the terminal that stderr is; 80 if it does not say."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or shutil.get_terminal_size().columns
    except (OSError, ValueError, AttributeError):
        return shutil.get_terminal_size().columns
