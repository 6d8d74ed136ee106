"""The processor cores that this process may use."""

from __future__ import annotations

import os


def cores() -> int:
    """Count the CPU cores that this process may use; all cores on systems without CPU affinity."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
