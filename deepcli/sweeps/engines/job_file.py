"""The jobs that run a sweep's workers, in a file of its directory, so that other commands can show them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deepcli.sweeps.engines.engine import WorkerJob
from deepcli.system.atomic import write_text

if TYPE_CHECKING:
    from deepcli.sweeps.directory import SweepDir

LEASE = "engine"
"""What a command holds whose end is the end of its jobs."""


@dataclass(frozen=True)
class JobList:
    """The jobs of one engine.

    Attributes:
        engine: Its name, such as `slurm`.
        jobs: The jobs, as they were when the file was written.
    """

    engine: str
    jobs: tuple[WorkerJob, ...]


def _path(folder: SweepDir) -> Path:
    return folder.path / "jobs.json"


def write_jobs(folder: SweepDir, engine: str, jobs: Sequence[WorkerJob]) -> None:
    """Write the jobs of an engine.

    Raises:
        TrainingError: The file cannot be written.
    """
    stored = {"engine": engine, "jobs": [asdict(job) for job in jobs]}
    write_text(_path(folder), json.dumps(stored, indent=2, ensure_ascii=False) + "\n")


def read_jobs(folder: SweepDir) -> JobList | None:
    """Read the jobs that were written last; None if there are none, or if the file is damaged."""
    try:
        stored = json.loads(_path(folder).read_text(encoding="utf-8"))
        jobs = tuple(WorkerJob(str(job["id"]), str(job["state"]), job["node"]) for job in stored["jobs"])
        return JobList(str(stored["engine"]), jobs)
    except (OSError, ValueError, TypeError, KeyError):
        return None
