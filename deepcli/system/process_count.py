"""How many processes can train on this machine at the same time."""

from __future__ import annotations

import os
from pathlib import Path

from deepcli.system.cores import cores
from deepcli.system.memory import memory_limit

BYTES_EACH = 2 << 30
"""Assumed memory of one process."""


def visible_gpus() -> list[str]:
    """List the names of the GPUs that a process may use, as CUDA names them, without initializing CUDA."""
    wanted = os.environ.get("CUDA_VISIBLE_DEVICES")
    if wanted is not None:
        return [name for name in wanted.split(",") if name not in ("", "-1")]
    return [str(number) for number in range(len(list(Path("/dev").glob("nvidia[0-9]*"))))]


def default_workers() -> int:
    """Choose the number of workers of a sweep: one per GPU, or without GPUs one per core as far as memory allows."""
    return len(visible_gpus()) or fitting_processes()


def fitting_processes() -> int:
    """Count the training processes that fit on this machine without GPUs: one per core, as far as memory allows."""
    import psutil

    memory = min(psutil.virtual_memory().available, memory_limit()) // BYTES_EACH
    return max(min(cores(), int(memory)), 1)
