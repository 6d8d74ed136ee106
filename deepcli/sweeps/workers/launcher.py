"""The process that has the workers of this machine, as the command that shows the sweep sees it."""

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
    """`deepcli sweep worker` in a process of its own; it ends with this one, however that ends.

    Args:
        folder: The sweep.
        words: Further words of its command line.
        environment: Variables for it alone: what nobody shall read in a list of processes.
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
                start_new_session=True,  # so that Ctrl-C reaches the command alone, which passes it on
            )

    def at_work(self) -> bool:
        """Tell whether there is something left to do; if the process was killed, another takes its place.

        Raises:
            RunError: Data are missing, or the sweep's files cannot be used.
            TrainingError: It failed.
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
        raise TrainingError(f"the sweep's workers ended with exit code {code}; {self._log} ends:\n{self._last_words()}")

    def _last_words(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return "\n".join(f"  {line}" for line in lines[-5:])

    def end(self, at_once: bool = False) -> None:
        """Let every worker leave its trial so that it can go on, and end."""
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
