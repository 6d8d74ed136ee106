"""The GPUs that JAX finds, and why it finds none."""

from __future__ import annotations

import importlib.util
from typing import Any

import jax

from deepcli.doctor.gpus import Gpu

INSTALL = "pip install 'jax[cuda12]'"
PLUGINS = ("jax_cuda12_plugin", "jax_cuda13_plugin")


def gpus() -> list[Gpu]:
    """Describe each GPU that JAX found."""
    try:
        found = jax.local_devices(backend="gpu")
    except RuntimeError:  # this JAX has no support for GPUs, or none works
        found = []
    return [Gpu(str(gpu.device_kind), _capability(gpu)) for gpu in found]


def _capability(gpu: Any) -> tuple[int, ...]:
    """Return a GPU's compute capability; nothing if it has none, as other makers' have."""
    return tuple(int(part) for part in str(getattr(gpu, "compute_capability", "")).split(".") if part.isdigit())


def built_with_cuda() -> bool:
    """Return whether this JAX can use NVIDIA's GPUs."""
    return any(importlib.util.find_spec(name) for name in PLUGINS)
