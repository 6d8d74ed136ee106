"""The memory of a device at its peak: of the process on a CPU, of the fullest GPU otherwise."""

from __future__ import annotations

import gc

from deepcli.system.memory import available_memory
from deepcli.system.peak_memory import peak_memory, reset_peak
from deepcli.training.backend import Backend
from deepcli.training.device import Device


def begin_peak(device: Device, backend: Backend) -> int:
    """Count the peak from now on; return the bytes in use now."""
    gc.collect()
    if device.is_gpu:
        return backend.gpu_memory(reset=True)[0]
    reset_peak()
    import psutil

    return int(psutil.Process().memory_info().rss)


def peak_of(device: Device, backend: Backend) -> int:
    """Return the bytes at the peak since `begin_peak`."""
    return backend.gpu_memory()[1] if device.is_gpu else peak_memory()


def memory_left(device: Device) -> int | None:
    """Return the bytes that can still be taken; None on a GPU, where a step that does not fit fails without harm."""
    return None if device.is_gpu else available_memory()
