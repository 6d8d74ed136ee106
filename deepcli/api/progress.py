"""How training progress is shown: a live bar on a terminal or in a notebook, one plain line per epoch elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

from deepcli.run.reporter import NullReporter, Progress, Reporter

SECONDS_BETWEEN = 0.1


def make_reporter(quiet: bool) -> Reporter:
    """Choose a reporter: a silent one, HTML in a notebook, a live bar on a terminal, or plain lines."""
    if quiet:
        return NullReporter()
    if in_notebook():
        from deepcli.api.notebook import NotebookReporter

        return NotebookReporter()
    return TerminalReporter() if sys.stderr.isatty() else PlainReporter()


def in_notebook() -> bool:
    """Return whether the code runs in the kernel of a notebook, which shows HTML."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


class PlainReporter(NullReporter):
    """Prints one plain line per epoch."""

    _epochs = 0

    def note(self, text: str) -> None:
        """Print one line."""
        print(text, file=sys.stderr, flush=True)

    def begin(self, epochs: int, steps: int) -> None:
        """Remember the number of epochs."""
        self._epochs = epochs

    def epoch(self, row: Mapping[str, float], best: bool) -> None:
        """Print one line for an epoch."""
        self.note(epoch_line(row, self._epochs, best))


class TerminalReporter(PlainReporter):
    """Shows a progress bar below the lines while an epoch runs."""

    def __init__(self) -> None:
        from rich import progress
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False)
        self._bar = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(bar_width=None),
            progress.MofNCompleteColumn(),
            progress.TextColumn("{task.fields[figures]}"),
            console=self._console,
            transient=True,
            expand=True,
        )
        self._task: Any = None
        self._shown_at = 0.0

    def note(self, text: str) -> None:
        """Print one line above the bar."""
        self._console.print(text, markup=False, soft_wrap=True)

    def begin(self, epochs: int, steps: int) -> None:
        """Start the bar."""
        super().begin(epochs, steps)
        self._task = self._bar.add_task(f"epoch 1/{epochs}", total=steps, figures="")
        self._bar.start()

    def due(self) -> bool:
        """Return True at most ten times a second."""
        return time.monotonic() - self._shown_at >= SECONDS_BETWEEN

    def progress(self, progress: Progress) -> None:
        """Update the bar."""
        self._shown_at = time.monotonic()
        description = f"epoch {progress.epoch}/{self._epochs}"
        self._bar.update(self._task, completed=progress.step, description=description, figures=speed_line(progress))

    def epoch(self, row: Mapping[str, float], best: bool) -> None:
        """Print the epoch's line above the bar, and reset the bar."""
        self.note(epoch_line(row, self._epochs, best))
        self._bar.update(self._task, completed=0, figures="")

    def end(self) -> None:
        """Remove the bar."""
        self._bar.stop()


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
    """Write the figures so far, the speed and the time left of an epoch."""
    left = time.strftime("%M:%S" if progress.seconds_left < 3600 else "%H:%M:%S", time.gmtime(progress.seconds_left))
    return f"{figures_of(progress.logs)}  {progress.samples_per_second:,.0f} samples/s  ETA {left}"
