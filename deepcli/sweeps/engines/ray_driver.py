"""The process that has a sweep's actors on Ray: `python -m deepcli.sweeps.engines.ray_driver JSON`."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from deepcli.data.files import Sources
from deepcli.errors import DeepcliError, Interrupted
from deepcli.spec.plugins import import_plugins
from deepcli.sweeps.directory import SweepDir
from deepcli.sweeps.engines.child_process import ERROR
from deepcli.sweeps.engines.job_file import LEASE
from deepcli.sweeps.engines.ray_cluster import connected
from deepcli.sweeps.engines.ray_pool import ActorPool
from deepcli.sweeps.plan import Plan
from deepcli.sweeps.workers.pool import WorkerConfig, watch_input
from deepcli.system.cores import cores
from deepcli.system.signals import Signals


def drive(words: dict[str, Any], signals: Signals, ended: threading.Event) -> None:
    """Run actors until no trial is left.

    Args:
        words: What `RayWorkers` says.
        signals: May request to stop.
        ended: Set when the parent process has ended.

    Raises:
        DeepcliError: As `connected` and `ActorPool.work` say.
    """
    folder = SweepDir(Path(words["folder"]))
    import_plugins(words["plugins"])
    plan = Plan.from_json(folder.read_plan()["plan"])
    until = time.monotonic() + plan.sweep.max_time if plan.sweep.max_time else None
    with connected(words["address"], words["workers"], words["needs"]) as (ray, workers):
        count = min(workers, plan.max_trials)
        training = plan.experiment({}).training
        whole = cores() // count if words["address"] is None else int(words["needs"]["cpus"])
        threads = max(whole, 1) if training.threads == "auto" else None
        sources = Sources(Path(words["data_dir"]) if words["data_dir"] else None, words["offline"])
        storage = os.environ.get("DEEPCLI_STORAGE") or None
        config = WorkerConfig(
            folder.path, storage, tuple(words["plugins"]), sources, None, threads, None, training.backend
        )
        _say(f"{count} actors on {words['address'] or 'this machine'}, {words['needs']}")
        # Again, as Ray has put its own handler of SIGTERM before ours, which ends the process after three seconds.
        with signals.deferred(_say):
            ActorPool(ray, count, config, words["needs"], until).work(signals, ended)
    if signals.stop is not None or ended.is_set():
        raise Interrupted("interrupted; run the same command again to continue", signals.stop or signal.SIGTERM)


def main(text: str) -> int:
    """Run the actors that a JSON object describes; return the exit code."""
    words, signals, ended = json.loads(text), Signals(kill=False), threading.Event()
    threading.Thread(target=watch_input, args=(ended,), daemon=True).start()
    folder = SweepDir(Path(words["folder"]))
    with folder.exclusive():
        lease = folder.lease(LEASE)
    try:
        with signals.deferred(_say):
            drive(words, signals, ended)
    except DeepcliError as error:
        _say(f"{ERROR}{error}")
        return error.exit_code
    finally:
        if lease is not None:
            lease.release()
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
