"""How long a run of another process will take, from the times of its epochs."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from deepcli.spec.trees import Value

RECENT = 5
"""Epochs whose mean time counts as that of the next ones."""
COMPILES_SECONDS = 60.0
"""The first epoch compiles; alone, it shows the pace only if it took longer than compiling does."""


@dataclass(frozen=True)
class EpochPace:
    """How fast a run's epochs are.

    Attributes:
        seconds: Time that an epoch takes.
        trained: Time that all epochs took.
        ended: When the last one ended, in seconds since 1970.
    """

    seconds: float
    trained: float
    ended: float

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, str]], ended: float) -> Self | None:
        """Take the times from the rows of a history; None if they have none, or too few to know.

        Args:
            rows: A row for each epoch.
            ended: When the last epoch ended, in seconds since 1970.
        """
        try:
            times = [float(row["seconds"]) for row in rows]
        except (KeyError, ValueError, TypeError):
            return None
        if len(times) < 2 and sum(times) <= COMPILES_SECONDS:
            return None
        recent = (times[1:] or times)[-RECENT:]
        return cls(sum(recent) / len(recent), sum(times), ended)

    def seconds_left(self, epochs: int, spec: Mapping[str, Value]) -> float | None:
        """Estimate the time until a run has had its epochs or its time; early stopping may end it before.

        Args:
            epochs: Epochs so far.
            spec: Every field of the run's spec by dotted key.
        """
        planned, limit = spec.get("training.epochs"), spec.get("training.max_time")
        if not isinstance(planned, int) or spec.get("training.max_steps") is not None:
            return None  # with a number of steps, that of epochs is unknown
        since = time.time() - self.ended
        with contextlib.suppress(OverflowError):
            left = self.seconds * (planned - epochs) - since
            if isinstance(limit, int | float):
                left = min(left, limit - self.trained - since)
            return max(left, 0.0) if math.isfinite(left) else None  # a file that somebody wrote may say anything
        return None
