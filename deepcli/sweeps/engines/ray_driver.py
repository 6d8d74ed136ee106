"""The process that has a sweep's actors on Ray: `python -m deepcli.sweeps.engines.ray_driver JSON`.

It imports what a sweep needs while it connects: a Ray of this machine takes seconds to start its processes.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import threading
from typing import Any

from deepcli.errors import DeepcliError, Interrupted
from deepcli.sweeps.engines.child_process import ERROR
from deepcli.sweeps.engines.ray_cluster import connected
from deepcli.system.parent_process import watch_input
from deepcli.system.signals import Signals

SWEEP = "deepcli.sweeps.engines.ray_sweep"


def drive(words: dict[str, Any], signals: Signals, ended: threading.Event) -> None:
    """Connect to Ray, and run actors until no trial is left.

    Args:
        words: What `RayWorkers` says.
        signals: May request to stop.
        ended: Set when the parent process has ended.

    Raises:
        DeepcliError: As `connected` and `run_actors` say.
    """
    # Meanwhile, as this process only waits for others while Ray starts.
    threading.Thread(target=importlib.import_module, args=(SWEEP,), daemon=True).start()
    with connected(words["address"], words["workers"], words["needs"], words["backend"]) as (ray, workers):
        try:
            importlib.import_module(SWEEP).run_actors(ray, workers, words, signals, ended, _say)
        finally:
            if ended.is_set():  # nobody is left to end it
                ray.shutdown()
    if signals.stop is not None or ended.is_set():
        raise Interrupted("interrupted; run the same command again to continue", signals.stop or signal.SIGTERM)


def main(text: str) -> int:
    """Run the actors that a JSON object describes; return the exit code."""
    words, signals, ended = json.loads(text), Signals(kill=False), threading.Event()
    threading.Thread(target=watch_input, args=(ended,), daemon=True).start()
    try:
        with signals.deferred(_say):
            drive(words, signals, ended)
    except DeepcliError as error:
        _say(f"{ERROR}{error}")
        return error.exit_code
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    # Not by `sys.exit`, which would ask each process of a Ray of this machine to end, and take two seconds: `RayWorkers`
    # ends them.
    os._exit(main(sys.argv[1]))
