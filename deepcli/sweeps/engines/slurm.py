"""The workers of a sweep as jobs of SLURM."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from deepcli.errors import TrainingError
from deepcli.spec.spelling import listed
from deepcli.sweeps.directory import SweepDir
from deepcli.sweeps.engines.engine import Engine, Launch, WorkerJob
from deepcli.sweeps.engines.engine_settings import SlurmSettings
from deepcli.sweeps.engines.job_file import read_jobs, write_jobs
from deepcli.sweeps.engines.slurm_queue import OVER, SlurmUnreachable, cancel_jobs, job_states
from deepcli.sweeps.engines.slurm_submission import submit
from deepcli.sweeps.engines.slurm_task import finished_mark

NAME = "slurm"
SECONDS_BETWEEN_LOOKS = 5.0
"""How often SLURM is asked for the state of the jobs: it serves a whole cluster."""

SECONDS_WITHOUT_ANSWER = 600.0
SECONDS_TO_END = 90.0
MOST_LINES = 5


class SlurmWorkers(Engine):
    """Submits workers as an array of jobs; jobs of an earlier command that are still in the queue are used instead.

    They stay in the queue when this process is killed.

    Args:
        launch: The workers.
        settings: How jobs are submitted.
        note: Called with a line for the user.
    """

    def __init__(self, launch: Launch, settings: SlurmSettings, note: Callable[[str], None]) -> None:
        self._folder = launch.folder
        self._jobs = active_jobs(launch.folder)
        if self._jobs:
            note(f"jobs of this sweep are still in the queue, so none are submitted: {_names(self._jobs)}")
        else:
            (launch.folder.logs / NAME).mkdir(parents=True, exist_ok=True)
            self._jobs = submit(launch, settings)
            note(f"submitted to SLURM: {_names(self._jobs)}; logs in {launch.folder.logs / NAME}")
        write_jobs(self._folder, NAME, self._jobs)
        self._looked = self._answered = time.monotonic()
        self._cancelled = False

    def at_work(self) -> bool:
        if time.monotonic() - self._looked >= SECONDS_BETWEEN_LOOKS:
            self._look()
        if any(job.state not in OVER for job in self._jobs):
            return True
        if any(finished_mark(self._folder, job.id).exists() for job in self._jobs):
            return False
        raise TrainingError(
            f"all jobs ended before the sweep did: {_names(self._jobs)}{self._last_words()}\n"
            "run the same command again to continue"
        )

    def end(self) -> None:
        if self._cancelled or all(job.state in OVER for job in self._jobs):
            return
        self._cancelled = True
        cancel_jobs(self._jobs)
        deadline = time.monotonic() + SECONDS_TO_END
        while any(job.state not in OVER for job in self._jobs) and time.monotonic() < deadline:
            time.sleep(1)
            self._look()

    def jobs(self) -> Sequence[WorkerJob]:
        return tuple(self._jobs)

    def _look(self) -> None:
        """Ask SLURM for the states of the jobs; it may be unreachable for some minutes, as when it is restarted."""
        try:
            jobs = job_states(self._jobs)
        except SlurmUnreachable:
            if time.monotonic() - self._answered > SECONDS_WITHOUT_ANSWER:
                raise
        else:
            self._answered = time.monotonic()
            if jobs != self._jobs:
                self._jobs = jobs
                write_jobs(self._folder, NAME, jobs)
        self._looked = time.monotonic()

    def _last_words(self) -> str:
        """Return the last lines of the first log that has any."""
        for job in self._jobs:
            for log in (self._folder.log(f"workers-{job.id}"), self._folder.logs / NAME / f"{job.id}_0_log.err"):
                if log.is_file() and (lines := log.read_text(encoding="utf-8", errors="replace").strip().splitlines()):
                    return "\n".join([f"; last lines of {log}:", *(f"  {line}" for line in lines[-MOST_LINES:])])
        return ""


def active_jobs(folder: SweepDir) -> list[WorkerJob]:
    """Return the jobs of a sweep that wait or run; an empty list if all have ended, or if there were none.

    Raises:
        SlurmUnreachable: SLURM does not answer.
    """
    recorded = read_jobs(folder)
    if recorded is None or recorded.engine != NAME:
        return []
    jobs = job_states(recorded.jobs)
    return jobs if any(job.state not in OVER for job in jobs) else []


def _names(jobs: Sequence[WorkerJob]) -> str:
    """Write jobs with their states: `12_0 and 12_1 (pending)`."""
    states = dict.fromkeys(job.state for job in jobs)
    return ", ".join(f"{listed([job.id for job in jobs if job.state == state], 'and')} ({state})" for state in states)
