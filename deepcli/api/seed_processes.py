"""Run the processes that train the seeds of a spec: several at a time, until all have ended or a signal stops them."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deepcli.system.signals import Signals

SECONDS_BETWEEN_LOOKS = 0.2
SECONDS_TO_END = 40.0
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
    worker: tuple[str, ...] | None = None


class SeedProcess:
    """Trains one seed in a process that ends when this one ends, even if it is killed.

    Args:
        task: The seed.
        slot: Its place among those that run at the same time.
        environment: Environment variables for this process only.
        messages: Where its messages are put, each with its slot; None for the end.
    """

    def __init__(
        self, task: SeedTask, slot: int, environment: Mapping[str, str], messages: queue.Queue[tuple[int, Any]]
    ) -> None:
        self.seed, self.slot = task.seed, slot
        self.last: dict[str, Any] = {}
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed at the end of the process)
        self._process = subprocess.Popen(
            [sys.executable, *(task.worker or WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, **environment},
            start_new_session=True,  # so that Ctrl-C reaches only this command, which then stops the processes
        )
        with contextlib.suppress(OSError):
            self._input.write(json.dumps(dict(task.request)).encode() + b"\n")
            self._input.flush()
        threading.Thread(target=self._listen, args=(messages,), daemon=True).start()

    @property
    def _input(self) -> Any:
        return self._process.stdin

    def _listen(self, messages: queue.Queue[tuple[int, Any]]) -> None:
        out: Any = self._process.stdout
        with out:
            for line in out:
                with contextlib.suppress(ValueError):
                    messages.put((self.slot, json.loads(line)))
        messages.put((self.slot, None))

    def stop(self) -> None:
        """Ask the process to stop with a checkpoint."""
        with contextlib.suppress(OSError):
            self._process.terminate()

    def kill(self) -> None:
        """End the process at once."""
        with contextlib.suppress(OSError):
            self._process.kill()

    def ended(self) -> dict[str, Any]:
        """Wait for the end; return its last message: the `result`, or the `error` with its `code`."""
        try:
            code = self._process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self.kill()
            code = self._process.wait()
        with contextlib.suppress(OSError):
            self._input.close()  # not earlier: this tells it to stop, even while it runs exit functions of plugins
        with self._errors:
            self._errors.seek(0)
            words = self._errors.read().decode("utf-8", errors="replace").strip().splitlines()[-5:]
        if self.last:
            return self.last
        said = "".join(f"\n  {line}" for line in words)
        return {"error": f"its process ended with exit code {code}{said}", "code": 1 if code >= 0 else 128 - code}


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
    messages: queue.Queue[tuple[int, Any]] = queue.Queue()
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
                    done[process.seed] = message = process.ended()
                elif message.keys() & ENDS:  # told when the process has ended, too
                    process.last = message
                    continue
                told(process.seed, message)
    finally:
        for process in running.values():  # after an exception, such as a second Ctrl-C
            process.stop()
        for process in running.values():
            process.ended()
    return done
