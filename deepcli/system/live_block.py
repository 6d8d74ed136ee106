"""Lines at the end of a terminal that are drawn again in place, and stay when it is over."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TextIO

from deepcli.system.live_line import ERASE, NO_WRAP, WRAP


class LiveBlock:
    """Draws lines below everything that was printed before.

    The cursor stays at the start of the first line. So whatever a change of the window's width does to the lines, clearing
    from the cursor on removes all of them.

    Args:
        stream: A terminal on which lines can be drawn again.
    """

    def __init__(self, stream: TextIO) -> None:
        if os.name == "nt":
            os.system("")  # lets the console interpret escape sequences
        self._stream = stream
        self._drawn: tuple[object, Sequence[str]] | None = None

    def show(self, lines: Sequence[str], size: object = None) -> None:
        """Draw lines in place of the earlier ones, unless they are the same.

        Args:
            lines: No more than the terminal has.
            size: The size of the terminal that they are for: where it has changed, the same lines are drawn again.
        """
        if (size, lines) == self._drawn:
            return
        self._drawn = size, lines
        up = f"\x1b[{len(lines) - 1}A" if len(lines) > 1 else ""
        self._stream.write(ERASE + NO_WRAP + "\n".join(lines) + WRAP + up + "\r")
        self._stream.flush()

    def leave(self, lines: Sequence[str]) -> None:
        """Draw lines for the last time, long ones in full, and move below them."""
        if self._drawn is not None:
            self._drawn = None
            self._stream.write(ERASE + "".join(f"{line}\n" for line in lines))
            self._stream.flush()
