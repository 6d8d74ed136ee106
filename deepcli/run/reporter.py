"""What a run tells while it goes on; the command line decides how it looks."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from deepcli.errors import TrainingError
from deepcli.run.directory import RunDir


@dataclass(frozen=True)
class Progress:
    """How far an epoch is.

    Attributes:
        epoch: Counted from 1.
        step: Steps of this epoch that are done.
        logs: Loss, metrics and learning rate so far.
        samples_per_second: Over this epoch.
        seconds_left: To the end of this epoch.
    """

    epoch: int
    step: int
    logs: Mapping[str, float]
    samples_per_second: float
    seconds_left: float


class Reporter(Protocol):
    """Shows a run to its user."""

    def note(self, text: str) -> None:
        """Show one line."""

    def begin(self, epochs: int, steps: int) -> None:
        """Training begins: so many epochs of so many steps."""

    def due(self) -> bool:
        """Tell whether `progress` would be shown now; asked at every step, so it must cost nothing."""

    def progress(self, progress: Progress) -> None:
        """Show how far an epoch is."""

    def epoch(self, row: Mapping[str, float], best: bool) -> None:
        """An epoch has ended, with this row of the history; `best` so far or not."""

    def end(self) -> None:
        """Training has ended, however it did."""


class NullReporter:
    """A reporter that shows nothing."""

    def note(self, text: str) -> None:
        """Show nothing."""

    def begin(self, epochs: int, steps: int) -> None:
        """Show nothing."""

    def due(self) -> bool:
        """Say no."""
        return False

    def progress(self, progress: Progress) -> None:
        """Show nothing."""

    def epoch(self, row: Mapping[str, float], best: bool) -> None:
        """Show nothing."""

    def end(self) -> None:
        """Show nothing."""


class LoggingReporter:
    """A reporter that also writes what it is told to `train.log`.

    Args:
        reporter: Shows it.
        run: Keeps it.
        so_far: What was shown before there was a run to keep it.
    """

    def __init__(self, reporter: Reporter, run: RunDir, so_far: Sequence[str] = ()) -> None:
        self._reporter, self._log = reporter, run.log
        for text in so_far:
            self._write(text)
        self.begin, self.due, self.progress, self.end = reporter.begin, reporter.due, reporter.progress, reporter.end

    def note(self, text: str) -> None:
        """Show and keep one line."""
        self._write(text)
        self._reporter.note(text)

    def epoch(self, row: Mapping[str, float], best: bool) -> None:
        """Show and keep an epoch's row."""
        self._write(" ".join(f"{name}={value:.6g}" for name, value in row.items()) + " (best)" * best)
        self._reporter.epoch(row, best)

    def _write(self, text: str) -> None:
        try:
            with self._log.open("a", encoding="utf-8") as log:
                log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")
        except OSError as error:
            raise TrainingError(f"cannot write {self._log}: {error.strerror or error}") from error
