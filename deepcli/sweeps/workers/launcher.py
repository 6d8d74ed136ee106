"""Start, watch and stop the local worker processes of a sweep, from the command that shows its progress."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence

from deepcli.errors import RunError, TrainingError
from deepcli.sweeps.directory import SweepDir

SECONDS_TO_END = 40.0
MOST_STARTS = 5


class LocalWorkers:
    """Runs `deepcli sweep worker` in a child process, which ends when this process ends, even if killed.

    Args:
        folder: The sweep.
        words: Additional arguments of the command.
        environment: Environment variables for the child only, for secrets that must not show in a process list.
    """

    def __init__(self, folder: SweepDir, words: Sequence[str], environment: Mapping[str, str]) -> None:
        self._log = folder.log("workers")
        self._command = [sys.executable, "-m", "deepcli", "sweep", "worker", str(folder.path), "--attached", *words]
        self._environment = {**os.environ, **environment}
        self._starts = 0
        self._start()

    def _start(self) -> None:
        self._starts += 1
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=self._environment,
                start_new_session=True,  # so that Ctrl-C reaches only this command, which then stops the workers
            )

    def at_work(self) -> bool:
        """Return whether the workers are still running; restart the process if it was killed.

        Raises:
            RunError: Data are missing, or the sweep's files cannot be used.
            TrainingError: The process failed.
        """
        code = self._process.poll()
        if code is None:
            return True
        if code == 0:
            return False
        if code < 0 and self._starts < MOST_STARTS:
            self._start()
            return True
        if code == 2:
            raise RunError(self._last_words().strip().removeprefix("error: "))
        raise TrainingError(
            f"the sweep's workers failed with exit code {code}; last lines of {self._log}:\n{self._last_words()}"
        )

    def _last_words(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return "\n".join(f"  {line}" for line in lines[-5:])

    def end(self, at_once: bool = False) -> None:
        """Stop the workers; each leaves its trial ready to resume, unless `at_once` kills them."""
        with contextlib.suppress(OSError):
            self._process.send_signal(signal.SIGKILL if at_once and os.name == "posix" else signal.SIGTERM)
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        deadline = time.monotonic() + SECONDS_TO_END
        while self._process.poll() is None:
            if time.monotonic() > deadline:
                self._process.kill()
            time.sleep(0.05)
