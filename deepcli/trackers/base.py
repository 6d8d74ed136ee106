"""What a tracker is: it is told of a run's spec, of every epoch, and of the end."""

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
        name: What it is called.
        folder: Its directory.
        spec: Its whole spec, as plain values.
        fields: The same by dotted key.
        earlier: What the tracker called it before it was interrupted; None for a new one.
    """

    name: str
    folder: Path
    spec: Mapping[str, Any]
    fields: Mapping[str, Any]
    earlier: str | None


class Log(Protocol):
    """A run in a tracker.

    Attributes:
        id: What the tracker calls it, by which it can go on.
    """

    id: str

    def epoch(self, epoch: int, row: Mapping[str, float]) -> None:
        """Keep an epoch's figures; epochs count from 1, validation's names begin with `val_`."""

    def end(self, status: str, test: Mapping[str, float]) -> None:
        """Keep how the run ended (completed, failed or interrupted), and the figures on the test split."""


class Tracker(Component):
    """Where else the figures of a run go.

    Attributes:
        package: What must be installed, by the name to import.
        extra: The extra of deepcli that has it.
    """

    package: ClassVar[str]
    extra: ClassVar[str]

    def demand(self) -> None:
        """Check that what it needs is installed.

        Raises:
            UsageError: It is not.
        """
        extras.demand(f"training.trackers: {self.type}", (self.package,), self.extra)

    @abstractmethod
    def open(self, run: Tracked) -> Log:
        """Begin to track a run, or go on with it; whatever a library raises may leave it."""


TRACKERS: Registry[Tracker] = Registry("trackers")
