"""The workers of a sweep as actors of Ray, on this machine or on a cluster."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict

import psutil

from deepcli.data.files import Sources
from deepcli.sweeps.engines.child_process import ERROR, SECONDS_AFTER_A_KILL, ChildProcess
from deepcli.sweeps.engines.engine import Launch, WorkerJob
from deepcli.sweeps.engines.engine_settings import EngineSettings
from deepcli.sweeps.engines.job_file import read_jobs
from deepcli.sweeps.engines.ray_cluster import HAS_SESSIONS
from deepcli.sweeps.plan import Plan

NAME = "ray"
SECONDS_TO_END = 90.0
"""The actors have half a minute for their steps, and Ray may take as long to end on a busy machine."""

DRIVER = "deepcli.sweeps.engines.ray_driver"
HEAD_LOST = "Failed to connect to GCS"
"""What Ray writes before it ends a process whose head does not answer any more."""

VARIABLES = {
    "RAY_worker_niceness": "0",  # workers yield to every other process otherwise, and starve on a busy machine
    "RAY_gcs_rpc_server_reconnect_timeout_s": "30",
    "RAY_USAGE_STATS_ENABLED": "0",  # Ray sends its makers what it is used for otherwise
}


class RayWorkers(ChildProcess):
    """Runs a process that starts actors on Ray; if it ends, the actors end.

    Not in this process: where a cluster's head is lost, Ray ends the process that is connected to it.

    Args:
        launch: The workers.
        settings: Where Ray is, and what each worker needs.
        sources: Where data are read or downloaded from.
        plugins: Plugins to import first.
    """

    seconds_to_end = SECONDS_TO_END

    def __init__(self, launch: Launch, settings: EngineSettings, sources: Sources, plugins: Sequence[str]) -> None:
        self._folder = launch.folder
        words = {
            "folder": str(launch.folder.path.absolute()),
            "workers": launch.workers,
            "address": settings.address,
            "needs": asdict(settings.ray),
            "backend": Plan.from_json(launch.folder.read_plan()["plan"]).experiment({}).training.backend,
            "plugins": list(plugins),
            "data_dir": str(sources.data_dir.absolute()) if sources.data_dir else None,
            "offline": sources.offline,
        }
        command = [sys.executable, "-m", DRIVER, json.dumps(words)]
        variables = {name: value for name, value in VARIABLES.items() if name not in os.environ}
        super().__init__(command, launch.folder.log("workers"), {**variables, **launch.environment})

    def _clear_up(self) -> None:
        """End the processes of a Ray of this machine whose driver has ended; they would stay for some minutes."""
        if not HAS_SESSIONS:
            return
        left = []
        for process in psutil.process_iter():
            with contextlib.suppress(OSError, psutil.Error):  # it has ended, or belongs to another user
                if os.getsid(process.pid) == self._process.pid != process.pid:
                    process.kill()
                    left.append(process)
        deadline = time.monotonic() + SECONDS_AFTER_A_KILL  # so that they hold no trial any more
        while any(map(_runs, left)) and time.monotonic() < deadline:
            time.sleep(0.02)

    def _failure(self, code: int) -> str:
        words = self._last_words().strip()
        if words.startswith(ERROR):
            return words.removeprefix(ERROR)
        if HEAD_LOST in words:
            return f"the head of Ray was lost; run the same command again to continue (see {self._log})"
        return super()._failure(code)

    def jobs(self) -> Sequence[WorkerJob]:
        recorded = read_jobs(self._folder)
        return recorded.jobs if recorded is not None and recorded.engine == NAME else ()


def _runs(process: psutil.Process) -> bool:
    """Return whether a process is still there; one that only waits to be noticed by its parent is not."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
