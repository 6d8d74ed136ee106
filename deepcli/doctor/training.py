"""The checks of `deepcli doctor` that need a backend: devices, precision, and a short training run."""

from __future__ import annotations

import importlib
import tempfile
import time
from pathlib import Path
from typing import Any

import keras

from deepcli.data.files import Sources
from deepcli.doctor.gpus import Gpu, why_no_gpu
from deepcli.experiment.schema import Experiment, Training
from deepcli.run.reporter import NullReporter
from deepcli.system.backend_startup import TITLES
from deepcli.training.context import TrainOptions
from deepcli.training.device import BFLOAT16_FLAGS, backend_choice, cpu_flags
from deepcli.training.train import train

CHECK = {
    "data": {"type": "digits", "batch_size": 32},
    "model": {"type": "cnn", "filters": [16, 32]},
    "training": {"epochs": 8},
}
CHANCE, LEARNT = 0.1, 0.8
"""Accuracy on the digits: by guessing, and the minimum for the check to pass."""


def backend() -> dict[str, str]:
    """Return the backend of this process, and why it is used."""
    choice = backend_choice(Training())
    return {"value": str(choice.value), "why": choice.why}


def devices() -> dict[str, Any]:
    """Describe the GPUs that the backend found, or why it found none."""
    name, module = keras.backend.backend(), _module()
    found, cuda = _gpus(), bool(module.built_with_cuda())
    return {
        "used": "gpu" if found else "cpu",
        "gpus": [{"name": gpu.name, "compute_capability": ".".join(map(str, gpu.capability))} for gpu in found],
        "why": ", ".join(gpu.name for gpu in found) or why_no_gpu(TITLES[name], cuda, module.INSTALL),
        "built_with_cuda": cuda,
    }


def _module() -> Any:
    """Return the module that finds the GPUs of the backend of this process."""
    return importlib.import_module(f"deepcli.doctor.{keras.backend.backend()}_gpus")


def _gpus() -> list[Gpu]:
    return list(_module().gpus())


def precision() -> dict[str, Any]:
    """Report which precisions the device has fast instructions for."""
    if found := _gpus():
        able = found[0].capability
        return {"bfloat16": able >= (8, 0), "float16": able >= (7, 0), "why": f"the GPU has {able}"}
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
    except Exception as error:  # a broken installation can raise anything
        told["error"] = str(error) or type(error).__name__
    return {**told, "seconds": round(time.monotonic() - began, 1)}
