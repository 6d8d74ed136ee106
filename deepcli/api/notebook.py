"""Progress in a notebook: one output that holds the lines so far and a bar. It needs IPython only, no widgets."""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Mapping
from typing import Any

from deepcli.api.display import ProgressBar, html_progress
from deepcli.api.progress import epoch_line, speed_line
from deepcli.run.reporter import Course, NullReporter, Progress

SECONDS_BETWEEN = 0.25
SHOWN = 100
"""The most lines that are shown; of a longer run the last."""


class NotebookReporter(NullReporter):
    """Keeps one output of the cell up to date: notices, a line an epoch, and a bar while an epoch runs."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._bar: ProgressBar | None = None
        self._epochs = self._steps = 0
        self._shown_at = 0.0
        self._output: Any = None
        self._lock = threading.Lock()  # a signal is reported from a thread of its own

    def note(self, text: str) -> None:
        """Add one line."""
        self._lines.append(text)
        self._show()

    def doing(self, what: str) -> None:
        """Show what is done now, in the place of the bar."""
        self.below(ProgressBar(f"{what} …"))

    def begin(self, course: Course) -> None:
        """Start the bar."""
        self._epochs, self._steps = course.epochs, course.steps

    def due(self) -> bool:
        """Say yes four times a second."""
        return time.monotonic() - self._shown_at >= SECONDS_BETWEEN

    def progress(self, progress: Progress) -> None:
        """Move the bar."""
        self._shown_at = time.monotonic()
        text = f"epoch {progress.epoch}/{self._epochs}  {speed_line(progress)}"
        self.below(ProgressBar(text, progress.step, self._steps))

    def below(self, bar: ProgressBar) -> None:
        """Show a bar below the lines, in the place of the one before."""
        self._bar = bar
        self._show()

    def epoch(self, row: Mapping[str, float], best: bool) -> None:
        """Add the epoch's line."""
        self._bar = None
        self.note(epoch_line(row, self._epochs, best))

    def end(self) -> None:
        """Remove the bar."""
        self._bar = None
        self._show()

    def _show(self) -> None:
        """Display everything, or replace what was displayed before."""
        with self._lock:
            text = "\n".join(self._lines[-SHOWN:])
            data = {"text/html": html_progress(text, self._bar), "text/plain": text}
            if self._output is None:
                display = importlib.import_module("IPython.display").display
                self._output = display(data, raw=True, display_id=True)
            else:
                self._output.update(data, raw=True)
