"""Choose and set up the device that TensorFlow computes on."""

from __future__ import annotations

import contextlib
from typing import Any

import tensorflow as tf

from deepcli.errors import DeviceError
from deepcli.experiment.schema import Training
from deepcli.system.cores import cores
from deepcli.training.device import Choice, Device


def choose_on_tensorflow(training: Training) -> Device:
    """Set up TensorFlow with the device, threads and determinism that a spec requests.

    Raises:
        DeviceError: The requested GPU does not exist, or TensorFlow was already set up differently.
    """
    threads = _set_threads(training.threads)
    if training.deterministic:
        tf.config.experimental.enable_op_determinism()
    gpus = tf.config.list_physical_devices("GPU")
    if training.device == "cpu" or (training.device == "auto" and not gpus):
        why = "requested" if training.device == "cpu" else "TensorFlow found no GPU"
        return Device(Choice("cpu", why), _without_gpus(gpus), None, threads)
    chosen = _choose_gpus(training.device, gpus)
    if not _show_only(chosen):
        if training.device != "auto":
            raise DeviceError(f"--device {training.device}: TensorFlow already runs with other devices in this process")
        why = "TensorFlow already runs without GPUs in this process"
        return Device(Choice("cpu", why), tf.distribute.get_strategy(), None, threads)
    details = tf.config.experimental.get_device_details(chosen[0])
    capability = details.get("compute_capability", (0, 0))
    why = f"{len(chosen)} x " * (len(chosen) > 1) + str(details.get("device_name", "GPU"))
    strategy = tf.distribute.MirroredStrategy() if len(chosen) > 1 else tf.distribute.get_strategy()
    name = training.device if training.device != "auto" else "gpu"
    return Device(Choice(name, why), strategy, capability, threads)


def _without_gpus(gpus: list[Any]) -> tf.distribute.Strategy:
    """Hide the GPUs; if TensorFlow has run with them in this process, return what places everything on the CPU."""
    try:
        if gpus:
            tf.config.set_visible_devices([], "GPU")
    except RuntimeError:  # an earlier call in this process, such as a training in a notebook
        return tf.distribute.OneDeviceStrategy("/cpu:0")
    return tf.distribute.get_strategy()


def _show_only(gpus: list[Any]) -> bool:
    """Let TensorFlow see some GPUs only, and take their memory as needed; return whether it computes on them."""
    try:
        tf.config.set_visible_devices(gpus, "GPU")
    except RuntimeError:  # TensorFlow already runs with others
        return False
    for gpu in gpus:
        with contextlib.suppress(RuntimeError):  # it already runs with these
            tf.config.experimental.set_memory_growth(gpu, True)
    return True


def _choose_gpus(device: str, gpus: list[Any]) -> list[Any]:
    if not gpus:
        built = tf.test.is_built_with_cuda()
        remedy = (
            "its CUDA libraries are missing: pip install 'tensorflow[and-cuda]'"
            if built
            else "this TensorFlow was built without CUDA: on Linux, pip install 'tensorflow[and-cuda]'"
        )
        seen = ", ".join(found.name.removeprefix("/physical_device:") for found in tf.config.list_physical_devices())
        raise DeviceError(f"--device {device}: TensorFlow found no GPU, only {seen}; if the machine has one, {remedy}")
    if ":" not in device:
        return gpus
    index = int(device.partition(":")[2])
    if index >= len(gpus):
        raise DeviceError(f"--device {device}: no such GPU; TensorFlow found {len(gpus)}, counted from gpu:0")
    return [gpus[index]]


def _set_threads(threads: int | str) -> int:
    """Set the number of CPU threads; TensorFlow allows that only before its first operation."""
    if threads == "auto":
        return tf.config.threading.get_intra_op_parallelism_threads() or cores()
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError:
        if tf.config.threading.get_intra_op_parallelism_threads() != threads:
            raise DeviceError(
                f"training.threads: cannot be set to {threads}; TensorFlow already runs with another number"
            ) from None
    return int(threads)
