"""The memory that this process may use, and what is left of it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

NO_LIMIT = 1 << 62
"""Version 1 of control groups writes a number above this where there is no limit."""


def memory_limit(root: Path = Path("/")) -> int:
    """Return the bytes of memory that this process may use: the machine's total, or less if a control group limits it."""
    import psutil

    return min(psutil.virtual_memory().total, *(group.limit for group in _groups(root)), sys.maxsize)


def available_memory(root: Path = Path("/")) -> int:
    """Return the bytes that this process can still take without swapping: what the machine, or a control group, has left."""
    import psutil

    return max(min(psutil.virtual_memory().available, *(group.left for group in _groups(root)), sys.maxsize), 0)


@dataclass(frozen=True)
class _Group:
    """A control group with a limit on memory.

    Attributes:
        limit: Bytes that its processes may use.
        used: Bytes that they use, without cached files, which the kernel drops when memory is needed.
    """

    limit: int
    used: int

    @property
    def left(self) -> int:
        return self.limit - self.used if self.limit < NO_LIMIT else self.limit


def _groups(root: Path) -> Iterator[_Group]:
    """Yield this process's control groups and their parents as far as they have a limit; none on systems without them."""
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            mount, limit, used, cached = root / "sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"
        elif "memory" in controllers.split(","):
            mount, limit = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
            used, cached = "memory.usage_in_bytes", "total_inactive_file"
        else:
            continue
        inside = Path(path.lstrip("/"))
        # In a container the path may be the one outside it; then only the mount itself exists.
        for folder in (mount / inside, *(mount / parent for parent in inside.parents)):
            with contextlib.suppress(OSError, ValueError):  # "max" is not a number
                yield _Group(_number(folder / limit), _used(folder, used, cached))


def _number(file: Path) -> int:
    return int(file.read_text(encoding="ascii"))


def _used(folder: Path, used: str, cached: str) -> int:
    """Return the bytes that a group uses; 0 if it does not say."""
    try:
        words = dict(line.split() for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines())
        return _number(folder / used) - int(words.get(cached, 0))
    except (OSError, ValueError):
        return 0
