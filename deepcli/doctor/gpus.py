"""What `deepcli doctor` says of the GPUs of this machine, whatever the backend."""

from __future__ import annotations

import os
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Gpu:
    """A GPU that a backend found.

    Attributes:
        name: Its maker's name for it.
        capability: CUDA compute capability; empty if it has none, as other makers' have.
    """

    name: str
    capability: tuple[int, ...]


def why_no_gpu(backend: str, built_with_cuda: bool, install: str) -> str:
    """Return why a backend found no GPU.

    Args:
        backend: The name of the backend in messages.
        built_with_cuda: Whether it can use NVIDIA's GPUs.
        install: The command that installs what it needs for that.
    """
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if hidden is not None and hidden.strip() in ("", "-1"):
        return "CUDA_VISIBLE_DEVICES hides every GPU"
    driver = Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None
    if not driver:
        return "this machine has no NVIDIA driver" if platform.system() != "Darwin" else "macOS has no CUDA"
    if not built_with_cuda:
        return f"an NVIDIA driver is installed, but this {backend} has no CUDA support: {install}"
    return f"an NVIDIA driver is installed, but CUDA libraries are missing: {install}"
