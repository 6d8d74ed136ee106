"""How training progress is shown: a live line on a terminal or in a notebook, one plain line per epoch elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from deepcli.api.activity import hide_line, show_doing, show_line, speaks_unicode, spinner
from deepcli.api.bar_line import live_line, time_left
from deepcli.api.line_fields import epoch_fields, fit
from deepcli.run.reporter import Course, NullReporter, Progress, Reporter
from deepcli.system.live_line import can_redraw, columns
from deepcli.system.terminal_colours import coloured, line

SECONDS_BETWEEN = 0.1
SECONDS_UNTIL_SPINNER = 1.0


def make_reporter(quiet: bool) -> Reporter:
    """Choose a reporter: a silent one, HTML in a notebook, a live line on a terminal, or plain lines."""
    if quiet:
        return NullReporter()
    if in_notebook():
        from deepcli.api.notebook import NotebookReporter

        return NotebookReporter()
    return TerminalReporter() if sys.stderr is not None and sys.stderr.isatty() else PlainReporter()


def in_notebook() -> bool:
    """Return whether the code runs in the kernel of a notebook, which shows HTML."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


class PlainReporter(NullReporter):
    """Prints one plain line per epoch, with everything in it, for `grep`."""

    _course = Course(0, 0)

    def note(self, text: str) -> None:
        """Print one line."""
        print(text, file=sys.stderr, flush=True)

    def begin(self, course: Course) -> None:
        """Remember the number of epochs."""
        self._course = course

    def epoch(self, row: Mapping[str, float], best: bool) -> None:
        """Print one line for an epoch."""
        self.note(epoch_line(row, self._course.epochs, best))


class TerminalReporter(PlainReporter):
    """Prints one line per epoch that fits the terminal, and below the lines what happens now: work, or a bar."""

    def __init__(self) -> None:
        self._redraws = can_redraw(sys.stderr)
        self._progress: Progress | None = None
        self._shown_at = 0.0

    def note(self, text: str) -> None:
        """Print a text above the live line, wrapped between words; the first word in colour if it is a notice."""
        super().note(line("\n".join(wrapped(text, columns())), sys.stderr))

    def doing(self, what: str) -> None:
        """Show what is done now, with a spinner."""
        if self._redraws:
            show_doing(what)

    def begin(self, course: Course) -> None:
        """Show the bar, where the run is now."""
        super().begin(course)
        self._progress = None
        self._show()

    def due(self) -> bool:
        """Return True at most ten times a second."""
        return time.monotonic() - self._shown_at >= SECONDS_BETWEEN

    def progress(self, progress: Progress) -> None:
        """Update the bar."""
        self._shown_at = time.monotonic()
        self._progress = progress

    def epoch(self, row: Mapping[str, float], best: bool) -> None:
        """Print the epoch's line above the bar."""
        text = fit(epoch_fields(row, self._course.epochs, self._course.monitor, best), columns())
        if best and text.endswith("best"):
            text = text[: -len("best")] + coloured("best", "good", sys.stderr)
        super().note(text)
        if self._progress is not None:  # the next epoch begins with the figures of this one
            self._progress = replace(self._progress, epoch=min(int(row["epoch"]) + 1, self._course.epochs), step=0)

    def end(self) -> None:
        """Remove the live line."""
        hide_line()

    def _show(self) -> None:
        self._shown_at = time.monotonic()
        if self._redraws:
            show_line(self._draw)

    def _draw(self, width: int) -> str:
        """Format the live line; where the bar does not move for long, as in the first step or validation, a spinner does."""
        still = time.monotonic() - self._shown_at
        waits = self._progress is None or still > SECONDS_UNTIL_SPINNER
        sign = f"{spinner(still)} " if waits else ""
        return sign + live_line(self._course, self._progress, width - len(sign), speaks_unicode())


def wrapped(text: str, width: int) -> list[str]:
    """Divide a text into lines of a width, between words; what follows the first line is indented."""
    from textwrap import wrap

    options: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False, "subsequent_indent": "  "}
    return [line for part in text.splitlines() for line in wrap(part, max(width, 20), **options) or [""]]


def epoch_line(row: Mapping[str, float], epochs: int, best: bool) -> str:
    """Format an epoch's row of the history as one line; the best epoch so far is marked."""
    figures = {name: value for name, value in row.items() if name not in ("epoch", "seconds")}
    number = f"{row['epoch']:.0f}".rjust(len(str(epochs)))
    return f"epoch {number}/{epochs}  {figures_of(figures)}  {row['seconds']:.1f}s{'  best' if best else ''}"


def figures_of(logs: Mapping[str, float]) -> str:
    """Format figures in a row: four decimals, and the learning rate in scientific notation."""
    return "  ".join(
        f"lr {value:.2e}" if name == "learning_rate" else f"{name} {value:.4f}" for name, value in logs.items()
    )


def speed_line(progress: Progress) -> str:
    """Write the figures so far, the speed and the time left of the run."""
    left = time_left(progress.seconds_left)
    return f"{figures_of(progress.logs)}  {progress.samples_per_second:,.0f} samples/s  {left}"
