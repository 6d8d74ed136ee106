"""The checks of `deepcli doctor` that need TensorFlow: devices, precision, and a short training run."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import tensorflow as tf

from deepcli.data.files import Sources
from deepcli.errors import DeepcliError
from deepcli.experiment.schema import Experiment
from deepcli.run.reporter import NullReporter
from deepcli.training.context import TrainOptions
from deepcli.training.device import BFLOAT16_FLAGS, cpu_flags
from deepcli.training.train import train

CHECK = {
    "data": {"type": "digits", "batch_size": 32},
    "model": {"type": "cnn", "filters": [16, 32]},
    "training": {"epochs": 8},
}
CHANCE, LEARNT = 0.1, 0.8
"""Accuracy on the digits: by guessing, and the minimum for the check to pass."""


def devices() -> dict[str, Any]:
    """Describe the GPUs that TensorFlow found, or why it found none."""
    details = _gpus()
    named = [str(one.get("device_name", "GPU")) for one in details]
    capabilities = [".".join(map(str, one.get("compute_capability", ()))) for one in details]
    return {
        "used": "gpu" if details else "cpu",
        "gpus": [{"name": name, "compute_capability": c} for name, c in zip(named, capabilities, strict=True)],
        "why": ", ".join(named) if details else _why_no_gpu(),
        "built_with_cuda": tf.test.is_built_with_cuda(),
    }


def _gpus() -> list[dict[str, Any]]:
    """Describe each GPU that TensorFlow found."""
    return [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices("GPU")]


def _why_no_gpu() -> str:
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if hidden is not None and hidden.strip() in ("", "-1"):
        return "CUDA_VISIBLE_DEVICES hides every GPU"
    driver = Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None
    if not driver:
        return "this machine has no NVIDIA driver" if platform.system() != "Darwin" else "macOS has no CUDA"
    if not tf.test.is_built_with_cuda():
        return "an NVIDIA driver is installed, but this TensorFlow has no CUDA support: pip install 'deepcli[gpu]'"
    return "an NVIDIA driver is installed, but CUDA libraries are missing: pip install 'deepcli[gpu]'"


def precision() -> dict[str, Any]:
    """Report which precisions the device has fast instructions for."""
    if details := _gpus():
        capability = tuple(details[0].get("compute_capability", (0, 0)))
        return {"bfloat16": capability >= (8, 0), "float16": capability >= (7, 0), "why": f"the GPU has {capability}"}
    flags = sorted(cpu_flags() & BFLOAT16_FLAGS)
    why = f"the CPU has {', '.join(flags)}" if flags else "the CPU has no bfloat16 instructions"
    return {"bfloat16": bool(flags), "float16": False, "why": why}


def training_check() -> dict[str, Any]:
    """Train a small network on the built-in digits for some seconds; report its accuracy and the time."""
    began = time.monotonic()
    told: dict[str, Any] = {"ok": False}
    try:
        with tempfile.TemporaryDirectory(prefix="deepcli-") as folder:
            experiment = Experiment.model_validate({"name": "check", **CHECK})
            splits = experiment.data.load(Sources(offline=True))
            result = train(experiment, splits, TrainOptions(Path(folder) / "run", False, (), (), began), NullReporter())
        accuracy = result.metrics["test"]["accuracy"]
        told |= {"ok": accuracy is not None and accuracy > LEARNT, "accuracy": accuracy, "device": result.device}
        told["precision"] = result.precision
        if not told["ok"]:
            told["error"] = f"accuracy is not above {LEARNT:.0%} (guessing gives {CHANCE:.0%})"
    except (DeepcliError, OSError, tf.errors.OpError) as error:
        told["error"] = str(error)
    return {**told, "seconds": round(time.monotonic() - began, 1)}
