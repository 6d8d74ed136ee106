"""Start, watch and stop the process that has a sweep's workers, from the command that shows its progress."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from deepcli.errors import Interrupted, RunError, TrainingError
from deepcli.sweeps.engines.engine import Engine

SECONDS_TO_END = 40.0
SECONDS_AFTER_A_KILL = 5.0
MOST_STARTS = 5
ERROR = "error: "
"""How the last message of a process that failed begins."""


class ChildProcess(Engine):
    """Runs a command that has the workers, in a child process, which ends when this process ends, even if killed.

    Args:
        command: The words of the command; it ends when its standard input closes.
        log: The file for its output.
        environment: Environment variables for the child only.
    """

    seconds_to_end = SECONDS_TO_END
    """Time for the last steps of its workers before it is killed."""

    def __init__(self, command: Sequence[str], log: Path, environment: Mapping[str, str]) -> None:
        self._command, self._log = list(command), log
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
        code = self._process.poll()
        if code is None:
            return True
        self._clear_up()
        if code == 0:
            return False
        if code < 0 and self._starts < MOST_STARTS:
            self._start()
            return True
        if code == 2:
            raise RunError(self._last_words().strip().removeprefix(ERROR))
        if code == 128 + signal.SIGTERM:
            raise Interrupted("the sweep's workers were terminated; run the same command again", signal.SIGTERM)
        raise TrainingError(self._failure(code))

    def _failure(self, code: int) -> str:
        """Return what to say of an exit code that stands for a failure."""
        return f"the sweep's workers failed with exit code {code}; last lines of {self._log}:\n{self._last_words()}"

    def _last_words(self) -> str:
        """Return the last error in the log, or its last lines."""
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        errors = [place for place, line in enumerate(lines) if line.startswith(ERROR)]
        return "\n".join(f"  {line}" for line in lines[max([len(lines) - 5, *errors]) if lines else 0 :])

    def end(self) -> None:
        with contextlib.suppress(OSError):
            self._process.send_signal(signal.SIGTERM)
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        deadline = time.monotonic() + self.seconds_to_end
        # Not for ever: called by a signal's handler in the middle of `poll`, this would never see the process end.
        while self._process.poll() is None and time.monotonic() < deadline + SECONDS_AFTER_A_KILL:
            if time.monotonic() > deadline:
                self._process.kill()
            time.sleep(0.05)
        self._clear_up()

    def _clear_up(self) -> None:
        """End what the child process left behind; nothing, unless a kind of them leaves something."""
