"""Submit the workers of a sweep to SLURM as an array of jobs, and write the script that is submitted."""

from __future__ import annotations

import contextlib
import io
import math
import os
import shlex
import sys
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from deepcli.errors import TrainingError, UsageError
from deepcli.sweeps.engines.engine import Launch, WorkerJob
from deepcli.sweeps.engines.engine_settings import SlurmSettings

SIGNAL = "USR1"
"""The signal before the time limit. Every process of a job gets it; a worker of a sweep writes a checkpoint at it."""

SIGNAL_VARIABLE = "SUBMITIT_PREEMPT_SIGNAL"
SECONDS_BEFORE_THE_LIMIT = 90
MOST_TIMEOUTS = 1_000_000
"""Times that a job may be queued again after its time limit: it ends by itself when no trial is left."""


def submission_script(launch: Launch, settings: SlurmSettings) -> str:
    """Return the script that `submit` gives to sbatch; nothing is written, and SLURM need not be installed.

    Raises:
        UsageError: The directory's name does not fit.
    """
    slurm = _submitit().slurm.slurm
    folder = _folder(launch)
    command = f"{shlex.quote(sys.executable)} -u -m submitit.core._submit {shlex.quote(folder)}"
    count = None if _count(launch) == 1 else _count(launch)
    text = slurm._make_sbatch_string(command, folder, map_count=count, **_parameters(launch, settings))
    return f"{text.rstrip()}\n"


def submit(launch: Launch, settings: SlurmSettings) -> list[WorkerJob]:
    """Submit the workers, one a job.

    Raises:
        UsageError: SLURM is not installed on this machine, or the directory's name does not fit.
        TrainingError: SLURM refuses the jobs; the message has its own words.
    """
    module = _submitit()
    try:
        executor = module.SlurmExecutor(_folder(launch), max_num_timeout=MOST_TIMEOUTS)
        executor.update_parameters(**_parameters(launch, settings))
    except RuntimeError:
        raise UsageError(
            "--on slurm: srun is not on the PATH; run the command on a login node of the cluster"
        ) from None
    return submit_to(executor, launch)


def submit_to(executor: Any, launch: Launch) -> list[WorkerJob]:
    """Submit the workers to an executor of submitit, one a job."""
    from submitit.core.utils import FailedJobError, FailedSubmissionError

    from deepcli.sweeps.engines.slurm_task import SlurmTask

    task = SlurmTask(launch.folder.path.absolute(), launch.options)
    # submitit prints what sbatch says besides raising it, and warns of what is meant.
    with _variables(launch.environment), contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with executor.batch():
                jobs = [executor.submit(task) for _ in range(_count(launch))]
            return [WorkerJob(str(job.job_id), "pending") for job in jobs]
        except (FailedJobError, FailedSubmissionError, OSError) as error:
            raise TrainingError(f"SLURM refused the jobs: {str(error).strip() or 'sbatch failed'}") from None


def _submitit() -> Any:
    import submitit
    import submitit.slurm.slurm

    return submitit


def _count(launch: Launch) -> int:
    return launch.workers or 1


def _folder(launch: Launch) -> str:
    folder = str(launch.folder.logs.absolute() / "slurm")
    if "%" in folder:
        raise UsageError(
            f"--output {launch.folder.path}: SLURM replaces % in the names of logs; choose another directory"
        )
    return folder


def _parameters(launch: Launch, settings: SlurmSettings) -> dict[str, Any]:
    """Return the parameters of submitit."""
    requeue = {} if "no-requeue" in settings.options else {"requeue": True}
    options = {"signal": f"{SIGNAL}@{SECONDS_BEFORE_THE_LIMIT}", **requeue, **settings.options}
    cpus = options.get("cpus-per-task")
    return {
        "job_name": options.pop("job-name", f"deepcli-{launch.folder.path.absolute().name}"),
        "time": max(math.ceil(settings.time / 60), 1),
        "partition": settings.partition,
        "setup": [f"export {SIGNAL_VARIABLE}={SIGNAL}", *settings.setup],
        # Since SLURM 22.05, srun does not take it from sbatch.
        "srun_args": [f"--cpus-per-task={cpus}"] if cpus else None,
        "wckey": None,  # submitit's own name, which a cluster with accounts by key does not know
        "additional_parameters": options,
    }


@contextlib.contextmanager
def _variables(environment: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables inside the block: sbatch gives them to the jobs, and they are in no file of ours."""
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
