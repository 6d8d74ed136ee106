"""Ending a run at a position that is known before: where another run of the same spec was ended by the clock."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deepcli.training.time_limit import UNKNOWN, TimeLimit, TrainingClock

if TYPE_CHECKING:
    from deepcli.result import Ended
    from deepcli.training.state import Position


@dataclass(frozen=True)
class PlannedEnd:
    """Where a run is to end, whatever its spec says; schedules keep the length of the spec.

    Attributes:
        epoch: Completed epochs.
        step: Steps of the next epoch.
        ended: Why, as in `metrics.json`.
    """

    epoch: int
    step: int = 0
    ended: Ended = "time"


class PositionLimit(TimeLimit):
    """Ends a run as a time limit does, but at a position.

    Args:
        end: The position.
        position: Returns where the run is.
        keep_position: Writes the checkpoint.
    """

    def __init__(self, end: PlannedEnd, position: Callable[[], Position], keep_position: Callable[[], None]) -> None:
        super().__init__(math.inf, TrainingClock(), UNKNOWN, 0.0, keep_position)
        self._at, self._position = (end.epoch, end.step), position
        self.ended = end.ended

    @property
    def why_stopped(self) -> str:
        """Why training ended; empty if it did not end for this."""
        return "the run that is reproduced was ended here" if self.over else ""

    def _decide(self) -> None:
        now = self._position()
        self.over = (now.epoch, now.step) >= self._at
