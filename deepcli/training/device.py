"""Choose a run's device, precision and compilation, each with a reason to show."""

from __future__ import annotations

import importlib
import math
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras

from deepcli.data.augmentation import ImageAugmentation
from deepcli.data.signature import Signature
from deepcli.errors import DeviceError
from deepcli.experiment.schema import Training
from deepcli.models import Model
from deepcli.system.backend_startup import BACKENDS, is_installed

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
        strategy: The TensorFlow strategy that places variables and steps on the device; None on JAX.
        capability: CUDA compute capability of the GPU; None on CPU.
        threads: CPU threads that operations may use.
        backend: Keras's backend, and why.
    """

    choice: Choice
    strategy: Any
    capability: tuple[int, int] | None
    threads: int
    backend: Choice = Choice("tensorflow", "requested")

    @property
    def is_gpu(self) -> bool:
        """Whether it is a GPU."""
        return self.capability is not None

    @property
    def replicas(self) -> int:
        """On how many devices each batch is divided."""
        return 1 if self.strategy is None else int(self.strategy.num_replicas_in_sync)


def choose(training: Training) -> Device:
    """Set up the backend that Keras runs on with the device, threads and determinism that a spec requests.

    Raises:
        DeviceError: The requested GPU does not exist, the backend was already set up differently, or Keras runs on another
            backend.
    """
    name = keras.backend.backend()
    if name not in BACKENDS:
        raise DeviceError(_wrong_backend(name))
    if training.backend not in ("auto", name):
        raise DeviceError(
            f"training.backend: is {training.backend}, but this process has Keras on {name} already; use a new process, or "
            f"set KERAS_BACKEND={training.backend} before Keras is imported"
        )
    if name == "jax":
        from deepcli.training.jax_device import choose_on_jax

        found = choose_on_jax(training)
    else:
        from deepcli.training.tensorflow_device import choose_on_tensorflow

        found = choose_on_tensorflow(training)
    return replace(found, backend=backend_choice(training))


def backend_choice(training: Training) -> Choice:
    """Return the backend that this process has Keras on, and why."""
    name = keras.backend.backend()
    if training.backend != "auto":
        return Choice(name, "requested")
    if os.environ.get("KERAS_BACKEND") == name and name != BACKENDS[0]:
        return Choice(name, "KERAS_BACKEND")
    if name == BACKENDS[0]:
        return Choice(name, "faster on a CPU, and the default")
    return Choice(name, "this process has Keras on it" if is_installed(BACKENDS[0]) else "TensorFlow is not installed")


def _wrong_backend(backend: str) -> str:
    """Describe where Keras has a backend from that deepcli cannot train on."""
    able = " and ".join(BACKENDS)
    if os.environ.get("KERAS_BACKEND") == backend:
        return f"KERAS_BACKEND is {backend}; deepcli trains and evaluates on {able}"
    return (
        f"Keras was imported with the backend {backend} (by default from keras.json); deepcli trains and evaluates on "
        f"{able}: set KERAS_BACKEND=tensorflow before Keras is imported"
    )


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
    """Choose whether XLA compiles the step.

    Raises:
        DeviceError: The backend always does, and the spec requests that it does not.
    """
    if training.jit_compile is False and device.backend.value == "jax":
        raise DeviceError("training.jit_compile: false, but JAX compiles every step; use auto or true")
    if training.jit_compile != "auto":
        return Choice(training.jit_compile, "requested")
    if device.backend.value == "jax":
        return Choice(True, "JAX compiles every step")
    if device.replicas > 1:
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
    if device.replicas > 1:
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

    packages = ("tensorflow",) if keras.backend.backend() == "tensorflow" else ("jax", "jaxlib")
    return {
        "python": platform.python_version(),
        "keras": keras.__version__,
        **{name: str(importlib.import_module(name).__version__) for name in packages},
        "numpy": numpy.__version__,
        "platform": platform.platform(),
    }
