"""A trial that a process trains."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from optuna.trial import Trial

from deepcli.sweeps.leases import Lease
from deepcli.sweeps.space import Point


@dataclass
class Claim:
    """A trial that this process trains; it is reserved while the process holds the lease.

    Attributes:
        trial: The Optuna trial.
        point: The values of the parameters.
        lease: The reservation; others get it if the process ends, even if killed.
        reported: Epochs that an earlier worker reported.
        ends: The epoch at which to prune the trial, if its last worker died after deciding that; else None.
        before: Seconds that earlier workers trained it.
        elsewhere: The machine and the path of a run that an earlier worker began and left where this process does not see it.
        deaths: Workers that died in it, one after another, without completing an epoch.
        began: `time.monotonic()` when this process took it.
    """

    trial: Trial
    point: Point
    lease: Lease = field(repr=False)
    reported: frozenset[int] = frozenset()
    ends: int | None = None
    before: float = 0.0
    elsewhere: str | None = None
    deaths: int = 0
    began: float = field(default_factory=lambda: time.monotonic())

    @property
    def number(self) -> int:
        """The trial's number in the sweep, counted from 0."""
        return int(self.trial.number)

    @property
    def seconds(self) -> float:
        """How long it has been trained, by this process and by earlier ones."""
        return round(self.before + time.monotonic() - self.began, 3)
