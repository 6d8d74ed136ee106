"""The memory that this process may use."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path


def memory_limit(root: Path = Path("/")) -> int:
    """Return the bytes of memory that this process may use: the machine's total, or less if a control group limits it."""
    import psutil

    return min(psutil.virtual_memory().total, *_group_limits(root), sys.maxsize)


def _group_limits(root: Path) -> list[int]:
    """Read the memory limits of this process's control groups and their parents; empty on systems without them."""
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
        # In a container the path may be the one outside it; then only the mount itself exists.
        for folder in (inside, *inside.parents):
            with contextlib.suppress(OSError, ValueError):  # "max" is not a number
                limits.append(int((mount / folder / file).read_text(encoding="ascii")))
    return limits
