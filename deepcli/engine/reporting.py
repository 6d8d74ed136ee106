"""What a run tells while it goes on; the command line decides how it looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


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


class Silent:
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
