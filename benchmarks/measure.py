"""Run a command as a whole process and measure its time and memory.

Linux counts the memory of the process that forks as peak memory of the new process. So a small process, this file run as
a program, starts the command; otherwise the memory of a large test or benchmark would be measured in its place.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

DEEPCLI = str(Path(sys.executable).with_name("deepcli"))


class Failed(SystemExit):
    """A command failed; the text contains its error output."""


@dataclass(frozen=True)
class Used:
    """One run of a command: wall seconds, CPU seconds, peak resident memory in MiB, and its output."""

    wall: float
    cpu: float
    memory: float
    out: str


def measure(command: list[str]) -> Used:
    """Run a command once.

    Raises:
        Failed: The command failed.
    """
    done = subprocess.run([sys.executable, "-S", __file__, *command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"{' '.join(command)} exited with {done.returncode}\n{done.stderr[-2000:]}")
    out, _, usage = done.stdout.rstrip().rpartition("\n")
    return Used(**json.loads(usage), out=out)


def in_turn(first: list[str], second: list[str], times: int) -> tuple[list[Used], list[Used]]:
    """Run two commands in turn, after one run of each that does not count."""
    measure(first), measure(second)
    pairs = [(measure(first), measure(second)) for _ in range(times)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def spread(values: list[float]) -> str:
    """Format the median with the smallest and the largest value."""
    return f"{statistics.median(values):.3f} [{min(values):.3f}, {max(values):.3f}]"


def main() -> None:
    """Run the command given as this program's arguments, then print its measurements as a line of JSON."""
    began = time.monotonic()
    with subprocess.Popen(sys.argv[1:]) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - began
    kibibytes = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    cpu = usage.ru_utime + usage.ru_stime
    print("\n" + json.dumps({"wall": wall, "cpu": cpu, "memory": kibibytes / 1024}))
    raise SystemExit(abs(process.returncode))


if __name__ == "__main__":
    main()
