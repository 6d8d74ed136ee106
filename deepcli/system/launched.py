"""A process that `deepcli launch` has started ends when that command ends, even if it was killed."""

from __future__ import annotations

import contextlib
import os
import signal
import threading

STDIN = 0
LAUNCHED = "DEEPCLI_LAUNCHED"
"""The environment variable of processes whose standard input `deepcli launch` holds open."""


def end_with_launcher() -> None:
    """Stop this process, as SIGTERM does, when the command that launched it has ended."""
    if os.environ.pop(LAUNCHED, None) is not None:
        threading.Thread(target=_wait, daemon=True).start()


def _wait() -> None:
    with contextlib.suppress(OSError):
        while os.read(STDIN, 1):  # past Python's own stream, whose lock this thread would hold at the end
            pass
    os.kill(os.getpid(), signal.SIGTERM)
