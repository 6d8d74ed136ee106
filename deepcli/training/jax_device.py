"""Choose and set up the device that JAX computes on."""

from __future__ import annotations

import os
import threading
from typing import Any

import jax

from deepcli.errors import DeviceError
from deepcli.experiment.schema import Training
from deepcli.system.backend_startup import JAX_THREADS
from deepcli.system.cores import cores
from deepcli.training.device import Choice, Device
from deepcli.training.jax_cache import keep_compiled

_SET_UP = threading.Lock()


def choose_on_jax(training: Training) -> Device:
    """Set up JAX with the device, threads and determinism that a spec requests.

    Raises:
        DeviceError: The requested GPU does not exist, or JAX was already set up differently.
    """
    if training.deterministic:
        _demand_determinism()
    threads = _set_threads(training.threads)
    gpus = [] if training.device == "cpu" else _gpus()
    if training.device in ("auto", "cpu") and not gpus:
        why = "requested" if training.device == "cpu" else "JAX found no GPU"
        jax.config.update("jax_default_device", jax.local_devices(backend="cpu")[0])
        keep_compiled(threads)
        return Device(Choice("cpu", why), None, None, threads)
    gpu = _chosen(training.device, gpus)
    jax.config.update("jax_default_device", gpu)
    name = training.device if training.device != "auto" else "gpu"
    others = f", the first of {len(gpus)}" if len(gpus) > 1 and ":" not in name else ""
    return Device(Choice(name, f"{gpu.device_kind}{others}"), None, _capability(gpu), threads)


def _gpus() -> list[Any]:
    try:
        return list(jax.local_devices(backend="gpu"))
    except RuntimeError:  # this JAX has no support for GPUs, or none works
        return []


def _chosen(device: str, gpus: list[Any]) -> Any:
    if not gpus:
        raise DeviceError(
            f"--device {device}: JAX found no GPU, only {jax.default_backend().upper()}; if the machine has one, its CUDA "
            "libraries are missing: on Linux, pip install 'jax[cuda12]'"
        )
    index = int(device.partition(":")[2] or 0)
    if index >= len(gpus):
        raise DeviceError(f"--device {device}: no such GPU; JAX found {len(gpus)}, counted from gpu:0")
    return gpus[index]


def _capability(gpu: Any) -> tuple[int, int]:
    """Return a GPU's compute capability; (0, 0) if it has none, as other makers' have."""
    major, _, minor = str(getattr(gpu, "compute_capability", "0.0")).partition(".")
    return (int(major), int(minor or 0)) if major.isdigit() and (minor or "0").isdigit() else (0, 0)


def _set_threads(threads: int | str) -> int:
    """Set the number of CPU threads; XLA reads it only when it makes its pool, at the first operation."""
    with _SET_UP:
        if threads != "auto" and not _has_pool():
            os.environ[JAX_THREADS] = str(threads)
        limit = os.environ.get(JAX_THREADS, "")
        in_use = int(limit) if limit.isdigit() and int(limit) else cores()
    if threads != "auto" and in_use != threads:
        raise DeviceError(f"training.threads: cannot be set to {threads}; JAX already runs with another number")
    return in_use


def _has_pool() -> bool:
    """Return whether JAX has set up a device in this process."""
    from jax._src import xla_bridge

    return bool(xla_bridge.backends_are_initialized())


def _demand_determinism() -> None:
    """Make XLA choose the same operations on a GPU every time; it reads the flag when it sets up its devices.

    Raises:
        DeviceError: It has set them up without the flag.
    """
    flag, flags = "--xla_gpu_deterministic_ops=true", os.environ.get("XLA_FLAGS", "")
    if flag in flags:
        return
    if _has_pool() and _gpus():
        raise DeviceError("training.deterministic: JAX already runs without it in this process; use a new one")
    if not _has_pool():
        os.environ["XLA_FLAGS"] = f"{flags} {flag}".strip()
