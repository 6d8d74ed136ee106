"""The most memory that this process has used."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path


def reset_peak(root: Path = Path("/")) -> None:
    """Count the peak from now on; without effect where the system has no way to."""
    with contextlib.suppress(OSError):
        (root / "proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_memory(root: Path = Path("/")) -> int:
    """Return the bytes that this process had in memory at its peak: since `reset_peak`, or since it began."""
    with contextlib.suppress(OSError, ValueError):
        for line in (root / "proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import psutil

    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def be_first_to_end() -> None:
    """Let the system end this process, and no other, if memory runs out; without effect where it has no way to."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
