"""The workers of a sweep as actors of Ray, on this machine or on a cluster."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict

from deepcli.data.files import Sources
from deepcli.sweeps.engines.child_process import ERROR, ChildProcess
from deepcli.sweeps.engines.engine import Launch, WorkerJob
from deepcli.sweeps.engines.engine_settings import EngineSettings
from deepcli.sweeps.engines.job_file import read_jobs

NAME = "ray"
DRIVER = "deepcli.sweeps.engines.ray_driver"
HEAD_LOST = "Failed to connect to GCS"
"""What Ray writes before it ends a process whose head does not answer any more."""

QUIET = {
    "RAY_gcs_rpc_server_reconnect_timeout_s": "30",
    "RAY_USAGE_STATS_ENABLED": "0",  # Ray sends its makers what it is used for otherwise
    "RAY_DEDUP_LOGS": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",
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

    def __init__(self, launch: Launch, settings: EngineSettings, sources: Sources, plugins: Sequence[str]) -> None:
        self._folder = launch.folder
        words = {
            "folder": str(launch.folder.path.absolute()),
            "workers": launch.workers,
            "address": settings.address,
            "needs": asdict(settings.ray),
            "plugins": list(plugins),
            "data_dir": str(sources.data_dir.absolute()) if sources.data_dir else None,
            "offline": sources.offline,
        }
        command = [sys.executable, "-m", DRIVER, json.dumps(words)]
        quiet = {name: value for name, value in QUIET.items() if name not in os.environ}
        super().__init__(command, launch.folder.log("workers"), {**quiet, **launch.environment})

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
