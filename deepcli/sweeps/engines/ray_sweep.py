"""A sweep on a Ray that is connected: its actors until no trial is left."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deepcli.data.files import Sources
from deepcli.spec.plugins import import_plugins
from deepcli.sweeps.directory import SweepDir
from deepcli.sweeps.engines.job_file import LEASE
from deepcli.sweeps.engines.ray_pool import ActorPool
from deepcli.sweeps.plan import Plan
from deepcli.sweeps.workers.pool import WorkerConfig
from deepcli.system.cores import cores
from deepcli.system.signals import Signals


def run_actors(
    ray: Any, workers: int, words: dict[str, Any], signals: Signals, ended: threading.Event, say: Callable[[str], None]
) -> None:
    """Run actors until no trial is left.

    Args:
        ray: The module, which is connected.
        workers: The number of actors that there is room for.
        words: What `RayWorkers` says.
        signals: May request to stop.
        ended: Set when the parent process has ended.
        say: Called with a line for the log.

    Raises:
        DeepcliError: As `ActorPool.work` says.
    """
    folder = SweepDir(Path(words["folder"]))
    with folder.exclusive():
        lease = folder.lease(LEASE)
    try:
        import_plugins(words["plugins"])
        plan = Plan.from_json(folder.read_plan()["plan"])
        until = time.monotonic() + plan.sweep.max_time if plan.sweep.max_time else None
        count = min(workers, plan.max_trials)
        say(f"{count} actors on {words['address'] or 'this machine'}, {words['needs']}")
        # Again, as Ray has put its own handler of SIGTERM before ours, which ends the process after three seconds.
        with signals.deferred(say):
            ActorPool(ray, count, _config(folder, plan, count, words), words["needs"], until).work(signals, ended)
    finally:
        if lease is not None:
            lease.release()


def _config(folder: SweepDir, plan: Plan, count: int, words: dict[str, Any]) -> WorkerConfig:
    """Return the settings of each actor."""
    training = plan.experiment({}).training
    whole = cores() // count if words["address"] is None else int(words["needs"]["cpus"])
    threads = max(whole, 1) if training.threads == "auto" else None
    sources = Sources(Path(words["data_dir"]) if words["data_dir"] else None, words["offline"])
    storage = os.environ.get("DEEPCLI_STORAGE") or None
    return WorkerConfig(folder.path, storage, tuple(words["plugins"]), sources, None, threads, None, training.backend)
