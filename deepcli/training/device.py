"""Choose a run's device, precision and compilation, each with a reason to show."""

from __future__ import annotations

import contextlib
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from deepcli.data.augmentation import ImageAugmentation
from deepcli.data.signature import Signature
from deepcli.errors import DeviceError
from deepcli.experiment.schema import Training
from deepcli.models import Model
from deepcli.system.cores import cores

STEPS_PER_EXECUTION = 8
BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16"}


@dataclass(frozen=True)
class Choice:
    """A setting and the reason for it; both are shown to the user and written to `environment.json`."""

    value: Any
    why: str

    def __str__(self) -> str:
        value = str(self.value).lower() if isinstance(self.value, bool) else self.value
        return f"{value} ({self.why})"


@dataclass(frozen=True)
class Device:
    """The device that a run computes on.

    Attributes:
        choice: `cpu`, `gpu` or `gpu:N`, and why.
        strategy: The TensorFlow strategy that places variables and steps on the device.
        capability: CUDA compute capability of the GPU; None on CPU.
        threads: CPU threads that operations may use.
    """

    choice: Choice
    strategy: tf.distribute.Strategy
    capability: tuple[int, int] | None
    threads: int

    @property
    def is_gpu(self) -> bool:
        """Whether it is a GPU."""
        return self.capability is not None


def choose(training: Training) -> Device:
    """Set up TensorFlow with the device, threads and determinism that a spec requests.

    Raises:
        DeviceError: The requested GPU does not exist, TensorFlow was already set up differently, or Keras runs on
            another backend.
    """
    if keras.backend.backend() != "tensorflow":
        raise DeviceError(_wrong_backend(keras.backend.backend()))
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


def _wrong_backend(backend: str) -> str:
    """Describe where Keras has a backend from that deepcli cannot train on."""
    if os.environ.get("KERAS_BACKEND") == backend:
        return f"KERAS_BACKEND is {backend}; deepcli trains and evaluates on tensorflow"
    return (
        f"Keras was imported with the backend {backend} (by default from keras.json); deepcli trains and evaluates on "
        "tensorflow: set KERAS_BACKEND=tensorflow before Keras is imported"
    )


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


def choose_precision(training: Training, model: Model, device: Device) -> Choice:
    """Choose Keras's dtype policy."""
    if training.precision != "auto":
        return Choice(training.precision, "requested")
    if device.capability is not None:
        if device.capability >= (8, 0):
            return Choice("mixed_bfloat16", "the GPU has bfloat16 tensor cores")
        return Choice("float32", "the GPU is older than Ampere and has no bfloat16 tensor cores")
    flags = cpu_flags() & BFLOAT16_FLAGS
    if not flags:
        return Choice("float32", "the CPU has no bfloat16 instructions")
    if not model.bfloat16_on_cpu:
        return Choice("float32", f"bfloat16 is not faster for this {model.type} on a CPU")
    return Choice("mixed_bfloat16", f"the CPU has {', '.join(sorted(flags))}, faster for {model.type}")


def choose_jit(training: Training, model: Model, signature: Signature, device: Device, precision: str) -> Choice:
    """Choose whether XLA compiles the step."""
    if training.jit_compile != "auto":
        return Choice(training.jit_compile, "requested")
    if device.strategy.num_replicas_in_sync > 1:
        return Choice(False, "XLA cannot compile a step on several devices")
    if not device.is_gpu:
        if model.xla_on_cpu(signature) and precision == "float32":
            return Choice(True, f"faster for {model.type} on windows of one length, also on a CPU")
        return Choice(False, "XLA is rarely faster on a CPU")
    if isinstance(signature.augmentation, ImageAugmentation) and signature.augmentation.moves:
        return Choice(False, "XLA cannot compile image augmentation")
    if signature.kind in ("tokens", "pairs"):
        return Choice(False, "batches of tokens differ in length; XLA would recompile for each length")
    if not model.compiles_with_xla:
        return Choice(False, "recurrent layers use cuDNN instead")
    return Choice(True, "shapes are fixed")


def choose_steps_per_execution(training: Training, steps: int, device: Device) -> Choice:
    """Choose how many training steps one call into the backend takes."""
    if training.steps_per_execution != "auto":
        return Choice(training.steps_per_execution, "requested")
    if device.strategy.num_replicas_in_sync > 1:
        return Choice(1, "TensorFlow cannot take several mirrored steps in one call")
    wanted = min(STEPS_PER_EXECUTION, steps)
    every = training.checkpoint.every_steps
    if every and every % wanted:
        return Choice(math.gcd(every, wanted), "divides checkpoint.every_steps")
    return Choice(wanted, "fewer calls are faster; signals are still handled in time")


def cpu_flags() -> set[str]:
    """Read the CPU's instruction set flags from /proc/cpuinfo; empty on other systems than Linux."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return set()
    line = next((line for line in text.splitlines() if line.startswith("flags")), "")
    return set(line.split())


def versions() -> dict[str, str]:
    """List the versions of software that a run's results depend on."""
    import platform

    import numpy

    return {
        "python": platform.python_version(),
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "numpy": numpy.__version__,
        "platform": platform.platform(),
    }
