"""The workers of a sweep as processes of this machine."""

from __future__ import annotations

import sys

from deepcli.sweeps.engines.child_process import ChildProcess
from deepcli.sweeps.engines.engine import Launch


class LocalWorkers(ChildProcess):
    """Runs `deepcli sweep worker`, which has one process for each worker.

    Args:
        launch: The workers.
        log: The file for what the command prints, beside the logs of the workers.
    """

    def __init__(self, launch: Launch, log: str = "workers") -> None:
        count = ("--workers", str(launch.workers)) if launch.workers else ()
        words = ("sweep", "worker", str(launch.folder.path), "--attached", *count, *launch.options)
        super().__init__([sys.executable, "-m", "deepcli", *words], launch.folder.log(log), launch.environment)
