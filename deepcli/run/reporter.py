"""The interface through which a run reports its progress; the command line decides how it is shown."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from deepcli.errors import TrainingError
from deepcli.run.directory import RunDir


@dataclass(frozen=True)
class Progress:
    """Progress within an epoch.

    Attributes:
        epoch: The epoch's number, counted from 1.
        step: The number of completed steps in this epoch.
        logs: Loss, metrics and learning rate so far.
        samples_per_second: Training speed, averaged over this epoch.
        seconds_left: Estimated time to the end of this epoch.
    """

    epoch: int
    step: int
    logs: Mapping[str, float]
    samples_per_second: float
    seconds_left: float


class Reporter(Protocol):
    """Shows a run's progress to the user."""

    def note(self, text: str) -> None:
        """Show one line."""

    def begin(self, epochs: int, steps: int) -> None:
        """Training starts, with this number of epochs and of steps per epoch."""

    def due(self) -> bool:
        """Return whether `progress` would be shown now; called at every step, so it must be fast."""

    def progress(self, progress: Progress) -> None:
        """Show the progress within an epoch."""

    def epoch(self, row: Mapping[str, float], best: bool) -> None:
        """An epoch has ended, with this row of the history; `best` is whether it is the best so far."""

    def end(self) -> None:
        """Training has ended, successfully or not."""


class NullReporter:
    """A reporter that shows nothing."""

    def note(self, text: str) -> None:
        """Show nothing."""

    def begin(self, epochs: int, steps: int) -> None:
        """Show nothing."""

    def due(self) -> bool:
        """Return False: progress is never shown."""
        return False

    def progress(self, progress: Progress) -> None:
        """Show nothing."""

    def epoch(self, row: Mapping[str, float], best: bool) -> None:
        """Show nothing."""

    def end(self) -> None:
        """Show nothing."""


class LoggingReporter:
    """A reporter that also writes notes and epochs to a run's `train.log`.

    Args:
        reporter: The reporter that shows them.
        run: The run whose log they are written to.
        so_far: Lines that were shown before the run directory existed.
    """

    def __init__(self, reporter: Reporter, run: RunDir, so_far: Sequence[str] = ()) -> None:
        self._reporter, self._log = reporter, run.log
        for text in so_far:
            self._write(text)
        self.begin, self.due, self.progress, self.end = reporter.begin, reporter.due, reporter.progress, reporter.end

    def note(self, text: str) -> None:
        """Show and log one line."""
        self._write(text)
        self._reporter.note(text)

    def epoch(self, row: Mapping[str, float], best: bool) -> None:
        """Show and log an epoch's row."""
        self._write(" ".join(f"{name}={value:.6g}" for name, value in row.items()) + " (best)" * best)
        self._reporter.epoch(row, best)

    def _write(self, text: str) -> None:
        try:
            with self._log.open("a", encoding="utf-8") as log:
                log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")
        except OSError as error:
            raise TrainingError(f"cannot write {self._log}: {error.strerror or error}") from error
