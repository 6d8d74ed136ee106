"""Run a command as a whole process and read what the operating system says it used."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

DEEPCLI = str(Path(sys.executable).with_name("deepcli"))


@dataclass(frozen=True)
class Used:
    """What one run of a command used: wall seconds, CPU seconds, peak resident memory in MiB."""

    wall: float
    cpu: float
    memory: float


def measure(command: list[str]) -> Used:
    """Run a command once, its output thrown away.

    Raises:
        SystemExit: The command failed.
    """
    began = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} exited with {process.returncode}")
    kibibytes = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    return Used(time.monotonic() - began, usage.ru_utime + usage.ru_stime, kibibytes / 1024)


def in_turn(first: list[str], second: list[str], times: int) -> tuple[list[Used], list[Used]]:
    """Run two commands in turn, after one run of each that does not count."""
    measure(first), measure(second)
    pairs = [(measure(first), measure(second)) for _ in range(times)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def spread(values: list[float]) -> str:
    """Write the median with the smallest and the largest."""
    return f"{statistics.median(values):.3f} [{min(values):.3f}, {max(values):.3f}]"
