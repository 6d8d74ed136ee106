"""Base classes of trackers, which record a run's spec, the metrics of each epoch and how the run ended."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

from deepcli.spec.registry import Component, Registry
from deepcli.system import extras


@dataclass(frozen=True)
class Tracked:
    """A run to track.

    Attributes:
        name: Name of the run.
        folder: Directory of the run.
        spec: The complete spec, as plain values.
        fields: The values of the spec by dotted key.
        earlier: The tracker's id for the run before it was interrupted; None for a new run.
    """

    name: str
    folder: Path
    spec: Mapping[str, Any]
    fields: Mapping[str, Any]
    earlier: str | None


class Log(Protocol):
    """A run in a tracker.

    Attributes:
        id: The tracker's id for the run, by which it can be resumed.
    """

    id: str

    def epoch(self, epoch: int, row: Mapping[str, float]) -> None:
        """Record an epoch's metrics; epochs count from 1, names of validation metrics begin with `val_`."""

    def end(self, status: str, test: Mapping[str, float]) -> None:
        """Record the status of the run (completed, failed or interrupted) and the metrics on the test split."""


class Tracker(Component):
    """A service or file format that also records a run's metrics.

    Attributes:
        package: The package that must be installed, by its import name.
        extra: The extra of deepcli that installs it.
    """

    package: ClassVar[str]
    extra: ClassVar[str]

    def demand(self) -> None:
        """Check that the tracker's package is installed.

        Raises:
            UsageError: It is not installed.
        """
        extras.demand(f"training.trackers: {self.type}", (self.package,), self.extra)

    @abstractmethod
    def open(self, run: Tracked) -> Log:
        """Start tracking a run, or resume it; errors of the tracker's library are not caught."""


TRACKERS: Registry[Tracker] = Registry("trackers")
