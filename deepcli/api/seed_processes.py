"""Run the processes that train the seeds of a spec: several at a time, until all have ended or a signal stops them."""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deepcli.api.worker_process import SECONDS_BETWEEN_LOOKS, SECONDS_TO_END, Messages, WorkerProcess
from deepcli.system.signals import Signals

WORKER = ("-m", "deepcli.api.seed_worker")
ENDS = {"result", "error"}
"""What only the last message of a process has."""

Told = Callable[[int, Mapping[str, Any]], None]
"""Called with a seed and a message of its process."""


@dataclass(frozen=True)
class SeedTask:
    """A seed to train.

    Attributes:
        seed: The seed.
        request: What the process is to do, as JSON values.
        worker: What Python runs in the process; None for what trains a seed.
    """

    seed: int
    request: Mapping[str, Any]
    worker: Sequence[str] | None = None


class SeedProcess(WorkerProcess):
    """Trains one seed.

    Args:
        task: The seed.
        slot: Its place among those that run at the same time.
        environment: Environment variables for this process only.
        messages: Where its messages are put, each with its slot; None for the end.
    """

    def __init__(self, task: SeedTask, slot: int, environment: Mapping[str, str], messages: Messages) -> None:
        super().__init__(task.worker or WORKER, task.request, slot, environment, messages)
        self.seed = task.seed
        self.last: dict[str, Any] = {}


def run_seeds(
    tasks: Sequence[SeedTask], environments: Sequence[Mapping[str, str]], signals: Signals, told: Told
) -> dict[int, dict[str, Any]]:
    """Train seeds, as many at a time as there are environments; a signal stops all of them with checkpoints.

    Args:
        tasks: The seeds.
        environments: For each process at a time, its own environment variables.
        signals: May request to stop.
        told: Called with each message; with the last one when the process has ended.

    Returns:
        By seed, the last message of each process that was started.
    """
    messages: Messages = queue.Queue()
    running: dict[int, SeedProcess] = {}
    waiting, done, deadline = list(tasks), dict[int, dict[str, Any]](), None
    try:
        while running or (waiting and signals.stop is None):
            for slot in range(len(environments)):
                if slot not in running and waiting and signals.stop is None:
                    running[slot] = SeedProcess(waiting.pop(0), slot, environments[slot], messages)
            if signals.stop is not None and deadline is None:
                deadline = time.monotonic() + SECONDS_TO_END
                for process in running.values():
                    process.stop()
            if deadline is not None and time.monotonic() > deadline:
                for process in running.values():
                    process.kill()
            with contextlib.suppress(queue.Empty):
                slot, message = messages.get(timeout=SECONDS_BETWEEN_LOOKS)
                process = running[slot]
                if message is None:
                    del running[slot]
                    done[process.seed] = message = process.ended(process.last)
                elif message.keys() & ENDS:  # told when the process has ended, too
                    process.last = message
                    continue
                told(process.seed, message)
    finally:
        for process in running.values():  # after an exception, such as a second Ctrl-C
            process.stop()
        for process in running.values():
            process.ended(process.last)
    return done
