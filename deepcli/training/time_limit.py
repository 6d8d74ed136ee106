"""Ending a run in time: `training.max_time` keeps what the last validation and the final evaluation need."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deepcli.spec.durations import in_words
from deepcli.system.process_group import ALONE, ProcessGroup
from deepcli.training.callbacks import Stateful
from deepcli.training.state import State

RECENT = 3
"""Epochs whose slowest end counts as the time that the next end takes; earlier ones may have met a busy machine."""


class TrainingClock:
    """Seconds of training in a run, over all its sessions and processes; it starts when it is made.

    Args:
        state: The state of the checkpoint that a run is resumed from; None for a new run.
    """

    def __init__(self, state: State | None = None) -> None:
        self._began = time.monotonic()
        self._earlier = 0.0 if state is None else _seconds_in(state.callbacks)

    @property
    def seconds(self) -> float:
        """The time so far."""
        return self._earlier + time.monotonic() - self._began


def _seconds_in(callbacks: Mapping[str, Any]) -> float:
    """Return the time in a checkpoint; a run that had no limit until now has that of its whole epochs."""
    if "max_time" in callbacks:
        return float(callbacks["max_time"]["seconds"])
    rows = callbacks.get("history", {}).get("rows", [])
    return float(sum(row.get("seconds") or 0.0 for row in rows))


@dataclass(frozen=True)
class EndTimes:
    """Seconds that the end of a run takes, as far as they are known before its first epoch.

    Attributes:
        call: One call into the backend, which takes one or several steps.
        validation: The validation split; 0 if there is none.
        test: The final evaluation; 0 if there is none.
        saving: One checkpoint.
    """

    call: float
    validation: float
    test: float
    saving: float

    @property
    def epoch_end(self) -> float:
        """From an epoch's last step to the next epoch."""
        return self.validation + 2 * self.saving

    @property
    def final(self) -> float:
        """From the end of the last epoch to that of the run, which loads the best weights."""
        return self.saving + self.test if self.test else 0.0

    @property
    def total(self) -> float:
        """From the beginning of the last call to the end of the run."""
        return self.call + self.epoch_end + self.final


UNKNOWN = EndTimes(0.0, 0.0, 0.0, 0.0)
"""Nothing was measured, as no further step will be taken, or no limit is set."""


class TimeLimit(Stateful):
    """Decides when training ends because another step would leave too little time for the evaluation.

    An epoch that is cut short is validated like any other, and may be the best. The checkpoint is written before that, so
    that the run continues exactly if it gets more time.

    Args:
        limit: The seconds that training may take, with the evaluation.
        clock: Has the time so far.
        known: What the end of the run takes, as measured before.
        ratio: Examples of the test split per example of the validation split; 0 if one of them is not evaluated.
        keep_position: Writes the checkpoint.
        group: The processes of the run: the time is over for all at the same step.

    Attributes:
        over: Whether no further step may begin.
        ended: Why the run then ended, as in its result.
    """

    ended = "time"

    def __init__(
        self,
        limit: float,
        clock: TrainingClock,
        known: EndTimes,
        ratio: float,
        keep_position: Callable[[], None],
        group: ProcessGroup = ALONE,
    ) -> None:
        super().__init__()
        self.limit, self.over = limit, False
        self._clock, self._known, self._ratio, self.keep_position = clock, known, ratio, keep_position
        self._group = group
        self._call = known.call
        self._called_at = self._stepped_at = self._decided_at = clock.seconds
        self._validations: deque[float] = deque(maxlen=RECENT)
        self._ends: deque[float] = deque(maxlen=RECENT)

    @property
    def why_stopped(self) -> str:
        """Why training ended; empty if it did not end for this."""
        if not self.over:
            return ""
        kept = f"{in_words(self._end + self._final)} of it are kept for validation and evaluation"
        return f"{in_words(self._decided_at)} of training.max_time {in_words(self.limit)} are over, and {kept}"

    def on_train_begin(self, logs: Any = None) -> None:
        self._decide()

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self._called_at = self._clock.seconds
        if not batch and self._validations:
            self._ends.append(self._called_at - self._stepped_at)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._stepped_at = self._clock.seconds
        self._call = max(self._stepped_at - self._called_at, 0.5 * self._call)  # the first call may have compiled
        self._decide()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        self._decide()
        if self.over:
            self.model.stop_training = True

    @contextlib.contextmanager
    def validating(self) -> Iterator[None]:
        """Measure how long a validation takes."""
        began = self._clock.seconds
        yield
        self._validations.append(self._clock.seconds - began)

    def _decide(self) -> None:
        if not self.over:
            self._decided_at = self._clock.seconds
            over = self._decided_at + self._call + self._end + self._final >= self.limit
            self.over = bool(self._group.agree("time limit", over)[0])

    @property
    def _end(self) -> float:
        """Seconds from an epoch's last step to the next epoch."""
        return max(self._ends, default=self._known.epoch_end)

    @property
    def _final(self) -> float:
        """Seconds from the end of the last epoch to that of the run."""
        if not self._ratio or not self._validations:
            return self._known.final
        return self._known.saving + self._ratio * max(self._validations)

    def state_dict(self) -> dict[str, Any]:
        return {"seconds": self._clock.seconds, "ended_by": self.limit if self.over else None}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        ended_by = state.get("ended_by")  # a run that had no limit until now has no state
        self.over = ended_by is not None and self.limit <= ended_by
