"""What a job of SLURM runs: a worker of a sweep, which leaves its trial ready to resume when the job's time is over."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

from submitit.core.utils import DelayedSubmission

from deepcli.sweeps.directory import SweepDir
from deepcli.sweeps.engines.engine import Launch
from deepcli.sweeps.engines.local import LocalWorkers

SECONDS_BETWEEN_LOOKS = 0.25


def job_id() -> str:
    """Return the id of the job that this process is part of, as `squeue` shows it."""
    if array := os.environ.get("SLURM_ARRAY_JOB_ID"):
        return f"{array}_{os.environ['SLURM_ARRAY_TASK_ID']}"
    return os.environ.get("SLURM_JOB_ID", str(os.getpid()))


def finished_mark(folder: SweepDir, job: str) -> Path:
    """Return the file that a job leaves once no trial is left to it."""
    return folder.logs / "slurm" / f"{job}.finished"


class SlurmTask:
    """Runs one worker of a sweep; submitit pickles it, and calls it in the job.

    Args:
        folder: The sweep's directory.
        options: Options of `deepcli sweep worker`.
    """

    def __init__(self, folder: Path, options: tuple[str, ...]) -> None:
        self._folder, self._options = folder, options
        self._workers: LocalWorkers | None = None

    def __call__(self) -> None:
        """Train trials until none is left.

        Raises:
            DeepcliError: As `ChildProcess.at_work` says.
        """
        folder, job = SweepDir(self._folder), job_id()
        before = signal.signal(signal.SIGTERM, _end)  # as `scancel` and a preemption send it; submitit ignores it
        try:
            self._workers = LocalWorkers(Launch(folder, 1, self._options, {}), f"workers-{job}")
            while self._workers.at_work():
                time.sleep(SECONDS_BETWEEN_LOOKS)
            finished_mark(folder, job).touch()
        finally:
            if self._workers is not None:
                self._workers.end()
            signal.signal(signal.SIGTERM, before)

    def checkpoint(self) -> Any:
        """Stop the worker with a checkpoint; submitit calls this before the time limit, then queues the job again."""
        if self._workers is not None:
            self._workers.end()
        return DelayedSubmission(SlurmTask(self._folder, self._options))


def _end(number: int, frame: object) -> NoReturn:
    sys.exit(128 + number)
