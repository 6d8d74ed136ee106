"""A process that trains for this one, and sends what it reports as lines of JSON."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from typing import Any

SECONDS_BETWEEN_LOOKS = 0.2
SECONDS_TO_END = 40.0

Messages = queue.Queue[tuple[int, Any]]
"""Messages of processes, each with the process's slot."""


class WorkerProcess:
    """Works in a process that ends when this one ends, even if it is killed.

    Args:
        words: What Python runs, such as `-m` and a module that calls `worker_serving.serve`.
        request: What it is to do, as JSON values.
        slot: Its place among those that run at the same time.
        environment: Environment variables for this process only.
        messages: Where its messages are put, each with its slot; None for the end.
    """

    def __init__(
        self,
        words: Sequence[str],
        request: Mapping[str, Any],
        slot: int,
        environment: Mapping[str, str],
        messages: Messages,
    ) -> None:
        self.slot = slot
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed at the end of the process)
        self._process = subprocess.Popen(
            [sys.executable, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, **environment},
            start_new_session=True,  # so that Ctrl-C reaches only this command, which then stops the processes
        )
        with contextlib.suppress(OSError):
            self._input.write(json.dumps(dict(request)).encode() + b"\n")
            self._input.flush()
        threading.Thread(target=self._listen, args=(messages,), daemon=True).start()

    @property
    def _input(self) -> Any:
        return self._process.stdin

    def _listen(self, messages: Messages) -> None:
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

    def ended(self, last: dict[str, Any]) -> dict[str, Any]:
        """Wait for the end; return its last message, the `result` or the `error` with its `code`.

        Args:
            last: That message, if it has come; empty if the process ended without one.
        """
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
        if last:
            return last
        said = "".join(f"\n  {line}" for line in words)
        return {"error": f"its process ended with exit code {code}{said}", "code": 1 if code >= 0 else 128 - code}
