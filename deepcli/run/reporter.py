"""The interface through which a run reports its progress; the command line decides how it is shown."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from deepcli.errors import TrainingError

if TYPE_CHECKING:
    from deepcli.run.directory import RunDir


@dataclass(frozen=True)
class Course:
    """What lies before a run when training starts or resumes.

    Attributes:
        epochs: The number of epochs of the whole run.
        steps: The number of steps per epoch.
        monitor: The metric that decides which epoch is best.
        epoch: The epoch to begin with, counted from 1.
        step: The number of steps that an earlier command completed in this epoch.
    """

    epochs: int
    steps: int
    monitor: str = "val_loss"
    epoch: int = 1
    step: int = 0


@dataclass(frozen=True)
class Progress:
    """Progress within an epoch.

    Attributes:
        epoch: The epoch's number, counted from 1.
        step: The number of completed steps in this epoch.
        logs: Loss, metrics and learning rate so far.
        samples_per_second: Training speed, averaged over this epoch.
        seconds_left: Estimated time to the end of the whole run, at the speed of this command; None if not known yet.
    """

    epoch: int
    step: int
    logs: Mapping[str, float]
    samples_per_second: float
    seconds_left: float | None


class Reporter(Protocol):
    """Shows a run's progress to the user."""

    def note(self, text: str) -> None:
        """Show one line."""

    def doing(self, what: str) -> None:
        """Show what is done now, outside of training, until another line is shown or training begins or ends."""

    def begin(self, course: Course) -> None:
        """Training starts or resumes."""

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

    def doing(self, what: str) -> None:
        """Show nothing."""

    def begin(self, course: Course) -> None:
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
        self._reporter, self._run = reporter, run
        for text in so_far:
            log_line(run, text)
        self.doing, self.begin, self.end = reporter.doing, reporter.begin, reporter.end
        self.due, self.progress = reporter.due, reporter.progress

    def note(self, text: str) -> None:
        """Show and log one line."""
        log_line(self._run, text)
        self._reporter.note(text)

    def epoch(self, row: Mapping[str, float], best: bool) -> None:
        """Show and log an epoch's row."""
        log_line(self._run, " ".join(f"{name}={value:.6g}" for name, value in row.items()) + " (best)" * best)
        self._reporter.epoch(row, best)


def log_line(run: RunDir, text: str) -> None:
    """Write one line to a run's `train.log`, with the time.

    Raises:
        TrainingError: The file cannot be written.
    """
    try:
        with run.log.open("a", encoding="utf-8") as log:
            log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")
    except OSError as error:
        raise TrainingError(f"cannot write {run.log}: {error.strerror or error}") from error
