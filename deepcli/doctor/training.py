"""What only TensorFlow can tell of a machine, and whether it trains."""

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
from deepcli.training.device import BFLOAT16_FLAGS, cpu_flags
from deepcli.training.session import TrainOptions
from deepcli.training.train import train

CHECK = {
    "data": {"type": "digits", "batch_size": 32},
    "model": {"type": "cnn", "filters": [16, 32]},
    "training": {"epochs": 8},
}
CHANCE, LEARNT = 0.1, 0.8
"""Accuracy on the digits: of guessing, and what the check demands."""


def devices() -> dict[str, Any]:
    """Tell which GPUs TensorFlow sees, and why none if there are none."""
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
    """Describe each GPU that TensorFlow sees."""
    return [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices("GPU")]


def _why_no_gpu() -> str:
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if hidden is not None and hidden.strip() in ("", "-1"):
        return "CUDA_VISIBLE_DEVICES hides every GPU"
    driver = Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None
    if not driver:
        return "there is no NVIDIA driver on this machine" if platform.system() != "Darwin" else "macOS has no CUDA"
    if not tf.test.is_built_with_cuda():
        return "there is an NVIDIA driver, and a TensorFlow without CUDA: pip install 'deepcli[gpu]'"
    return "there is an NVIDIA driver, and its CUDA libraries are missing: pip install 'deepcli[gpu]'"


def precision() -> dict[str, Any]:
    """Tell which precisions the device computes at speed."""
    if details := _gpus():
        capability = tuple(details[0].get("compute_capability", (0, 0)))
        return {"bfloat16": capability >= (8, 0), "float16": capability >= (7, 0), "why": f"the GPU has {capability}"}
    flags = sorted(cpu_flags() & BFLOAT16_FLAGS)
    why = f"the CPU has {', '.join(flags)}" if flags else "the CPU has no bfloat16 instructions"
    return {"bfloat16": bool(flags), "float16": False, "why": why}


def training_check() -> dict[str, Any]:
    """Train a small network on the embedded digits for some seconds; tell whether it learns, and how fast."""
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
            told["error"] = f"it learns too little; guessing is right in {CHANCE:.0%}"
    except (DeepcliError, OSError, tf.errors.OpError) as error:
        told["error"] = str(error)
    return {**told, "seconds": round(time.monotonic() - began, 1)}
