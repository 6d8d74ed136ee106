"""The memory that this process may use."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path


def memory_limit(root: Path = Path("/")) -> int:
    """Return how many bytes of memory this process may use: all of the machine's, or what its control groups allow."""
    import psutil

    return min(psutil.virtual_memory().total, *_group_limits(root), sys.maxsize)


def _group_limits(root: Path) -> list[int]:
    """Read the memory limits of this process's control groups and of those around them; none on other systems."""
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    limits = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            mount, file = root / "sys/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            mount, file = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        inside = Path(path.lstrip("/"))
        # In a container the path may be that outside of it; then only the mount itself is there.
        for folder in (inside, *inside.parents):
            with contextlib.suppress(OSError, ValueError):  # "max" is no number
                limits.append(int((mount / folder / file).read_text(encoding="ascii")))
    return limits
