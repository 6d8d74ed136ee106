"""The present state of the jobs that run a sweep's workers, for commands that only look."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from pathlib import Path

from deepcli.sweeps.directory import SweepDir
from deepcli.sweeps.engines.job_file import LEASE, JobList, read_jobs
from deepcli.sweeps.engines.slurm_queue import ENDED, OVER, SlurmUnreachable, job_states

SECONDS_TO_KEEP = 5.0
"""How long an answer is used again, by a command that follows a sweep."""

_kept: dict[Path, tuple[float, JobList]] = {}


def present_jobs(folder: SweepDir) -> JobList | None:
    """Return the jobs of a sweep with their present states, those known last if SLURM does not answer.

    Returns:
        None if the workers of the sweep never ran as jobs.
    """
    known = read_jobs(folder)
    if known is None:
        return None
    asked, kept = _kept.get(folder.path, (-math.inf, known))
    if time.monotonic() - asked > SECONDS_TO_KEEP:
        kept = _asked(folder, known)
        _kept[folder.path] = time.monotonic(), kept
    return kept


def _asked(folder: SweepDir, known: JobList) -> JobList:
    if known.engine == "slurm":
        try:
            return replace(known, jobs=tuple(job_states(known.jobs)))
        except SlurmUnreachable:
            return _all(known, "{}, when SLURM last answered")
    # The actors of Ray end with the process that holds this lease.
    with folder.exclusive():
        alive = any(job.state != ENDED for job in known.jobs) and folder.is_leased(LEASE)
    return known if alive else _all(known, ENDED)


def _all(known: JobList, state: str) -> JobList:
    """Return jobs in another state, in which {} is the present one; those that are over stay as they are."""
    return replace(
        known,
        jobs=tuple(job if job.state in OVER else replace(job, state=state.format(job.state)) for job in known.jobs),
    )
