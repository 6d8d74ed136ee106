"""What SLURM's own commands say about jobs: `squeue`, `sacct` and `scancel`."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Sequence

from deepcli.errors import TrainingError
from deepcli.sweeps.engines.engine import WorkerJob

SECONDS_TO_ANSWER = 60.0
ENDED = "ended"
"""The state of a job that left the queue, where SLURM keeps no accounts."""

OVER = {
    "boot_fail",
    "cancelled",
    "completed",
    "deadline",
    "failed",
    "node_fail",
    "out_of_memory",
    "revoked",
    "timeout",
    ENDED,
}
"""States after which a job does not run again by itself."""


class SlurmUnreachable(TrainingError):
    """SLURM's controller does not answer."""


def ask_slurm(words: Sequence[str]) -> str:
    """Run one of SLURM's commands and return what it prints.

    Raises:
        TrainingError: It is not installed, fails, or does not answer; the message has its own words.
    """
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS_TO_ANSWER, check=False)
    except FileNotFoundError:
        raise SlurmUnreachable(f"{words[0]} is not installed on this machine") from None
    except subprocess.TimeoutExpired:
        raise SlurmUnreachable(f"{words[0]} did not answer within {SECONDS_TO_ANSWER:.0f} s") from None
    if done.returncode:
        raise SlurmUnreachable(done.stderr.strip() or f"{words[0]} failed with exit code {done.returncode}")
    return done.stdout


def job_states(jobs: Sequence[WorkerJob]) -> list[WorkerJob]:
    """Return jobs with their present state and node.

    Raises:
        SlurmUnreachable: SLURM does not answer.
    """
    left = [job for job in jobs if job.state not in OVER]
    if not left:
        return list(jobs)
    found = _queued(_arrays(left))
    gone = [job for job in left if job.id not in found]
    found |= {job.id: WorkerJob(job.id, ENDED, job.node) for job in gone} | (_accounts(_arrays(gone)) if gone else {})
    return [found.get(job.id, job) if job in left else job for job in jobs]


def cancel_jobs(jobs: Iterable[WorkerJob]) -> None:
    """Let SLURM end jobs, with SIGTERM first.

    Raises:
        SlurmUnreachable: SLURM does not answer.
    """
    ask_slurm(["scancel", *(job.id for job in jobs)])


def _arrays(jobs: Iterable[WorkerJob]) -> str:
    return ",".join(dict.fromkeys(job.id.partition("_")[0] for job in jobs))


def _queued(ids: str) -> dict[str, WorkerJob]:
    try:
        printed = ask_slurm(["squeue", "--noheader", "--array", "--format=%i|%T|%N", f"--jobs={ids}"])
    except SlurmUnreachable as error:
        if "Invalid job id" in str(error):  # some time after its end, SLURM forgets a job
            return {}
        raise
    return _read(printed)


def _accounts(ids: str) -> dict[str, WorkerJob]:
    """Look up how jobs ended; empty where SLURM keeps no accounts."""
    if shutil.which("sacct") is None:
        return {}
    words = ["sacct", "--noheader", "--parsable2", "--allocations", "--format=JobID,State,NodeList"]
    try:
        found = _read(ask_slurm([*words, f"--jobs={ids}"]))
    except SlurmUnreachable:
        return {}
    # Accounts lag behind: what they call running has left the queue.
    return {id: job for id, job in found.items() if job.state in OVER}


def _read(printed: str) -> dict[str, WorkerJob]:
    jobs = dict[str, WorkerJob]()
    for line in printed.splitlines():
        id, _, rest = line.strip().partition("|")
        state, _, node = rest.partition("|")
        if id and state:
            # Such as `CANCELLED by 1000`.
            jobs[id] = WorkerJob(id, state.split()[0].lower(), node if node not in ("", "None assigned") else None)
    return jobs
