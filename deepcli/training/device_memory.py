"""The memory of a device at its peak: of the process on a CPU, of the fullest GPU otherwise."""

from __future__ import annotations

import gc

import tensorflow as tf

from deepcli.system.memory import available_memory
from deepcli.system.peak_memory import peak_memory, reset_peak
from deepcli.training.device import Device


def begin_peak(device: Device) -> int:
    """Count the peak from now on; return the bytes in use now."""
    gc.collect()
    if not device.is_gpu:
        reset_peak()
        import psutil

        return int(psutil.Process().memory_info().rss)
    for name in _gpus():
        tf.config.experimental.reset_memory_stats(name)
    return max(int(tf.config.experimental.get_memory_info(name)["current"]) for name in _gpus())


def peak_of(device: Device) -> int:
    """Return the bytes at the peak since `begin_peak`."""
    if not device.is_gpu:
        return peak_memory()
    return max(int(tf.config.experimental.get_memory_info(name)["peak"]) for name in _gpus())


def memory_left(device: Device) -> int | None:
    """Return the bytes that can still be taken; None on a GPU, where a step that does not fit fails without harm."""
    return None if device.is_gpu else available_memory()


def _gpus() -> list[str]:
    return [gpu.name.removeprefix("/device:") for gpu in tf.config.list_logical_devices("GPU")]
