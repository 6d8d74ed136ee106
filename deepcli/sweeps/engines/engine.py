"""What starts the workers of a sweep, and what a command may ask of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deepcli.sweeps.directory import SweepDir


@dataclass(frozen=True)
class Launch:
    """The workers to start, whatever starts them.

    Attributes:
        folder: The sweep.
        workers: Number of workers; None: as many as fit.
        options: Further options of `deepcli sweep worker`, such as `--plugin`.
        environment: Environment variables for the workers only, for secrets that must not show in a process list.
    """

    folder: SweepDir
    workers: int | None
    options: tuple[str, ...]
    environment: Mapping[str, str]


@dataclass(frozen=True)
class WorkerJob:
    """A job that runs a worker.

    Attributes:
        id: How the engine calls it, such as `1234_0`.
        state: Its state in the engine's words, in lower case, such as `running`.
        node: The machine that it runs on; None if it runs on none yet.
    """

    id: str
    state: str
    node: str | None = None


class Engine(ABC):
    """Starts the workers of a sweep, which take their trials from its storage; a new engine starts them at once."""

    @abstractmethod
    def at_work(self) -> bool:
        """Return whether workers are still running or waiting to run; restart those that were killed.

        Raises:
            RunError: Data are missing, or the sweep's files cannot be used.
            TrainingError: The workers failed, or the engine refused them.
            Interrupted: Someone else stopped the workers.
        """

    @abstractmethod
    def end(self) -> None:
        """Stop the workers; each leaves its trial ready to resume."""

    def jobs(self) -> Sequence[WorkerJob]:
        """Describe the jobs that run the workers; none for processes of this command."""
        return ()
