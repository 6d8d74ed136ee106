"""Facts about this machine for `deepcli doctor`: versions, data sets, memory and disk, without heavy imports."""

from __future__ import annotations

import platform
import shutil
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

from deepcli import __version__
from deepcli.data import DATASETS
from deepcli.data.files import Sources, cache_folder, keras_cache, locate
from deepcli.system.cores import cores
from deepcli.system.memory import memory_limit

PACKAGES = ("tensorflow", "keras", "numpy", "scikit-learn", "matplotlib", "optuna", "pydantic", "typer")
EXTRAS = {
    "gpu": ("nvidia-cudnn-cu12",),
    "onnx": ("onnxruntime", "tf2onnx"),
    "litert": ("ai-edge-litert",),
    "tensorboard": ("tensorboard",),
    "mlflow": ("mlflow-skinny", "mlflow"),
    "wandb": ("wandb",),
    "postgresql": ("psycopg",),
    "tables": ("pyarrow", "openpyxl"),
    "jax": ("jax",),
}


def versions() -> dict[str, str | None]:
    """Return the versions of deepcli, Python and the required packages; None for a missing package."""
    return {"deepcli": __version__, "python": platform.python_version(), **{name: _version(name) for name in PACKAGES}}


def extras() -> dict[str, str | None]:
    """Return the installed version of each extra; None for an extra that is not installed."""
    return {extra: next(filter(None, map(_version, names)), None) for extra, names in EXTRAS.items()}


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def machine() -> dict[str, Any]:
    """Describe the system, its processor, its memory, and the free disk space in the folders that deepcli uses."""
    import psutil

    memory = psutil.virtual_memory()
    return {
        "system": platform.platform(),
        "python": sys.executable,
        "cpu": _cpu(),
        "cores": cores(),
        "memory_gib": round(memory_limit() / 2**30, 1),
        "memory_free_gib": round(memory.available / 2**30, 1),
        "disk_free_gib": {name: _free(path) for name, path in _folders().items()},
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def _folders() -> dict[str, Path]:
    folders = {"here": Path.cwd(), "temporary": Path(tempfile.gettempdir())}
    try:
        return {**folders, "Keras's cache": keras_cache(), "deepcli's cache": cache_folder()}
    except RuntimeError:  # the user has no home directory
        return folders


def _free(path: Path) -> float | None:
    """Return the free disk space in GiB of a folder or, if it does not exist, of its nearest parent that does."""
    there = next((place for place in (path, *path.parents) if place.is_dir()), None)
    return None if there is None else round(shutil.disk_usage(there).free / 2**30, 1)


def data_sets(sources: Sources) -> dict[str, dict[str, Any]]:
    """Report for each data set whether it is on this machine, and where, without reading or downloading it."""
    found = {}
    for name in DATASETS:
        files = DATASETS[name].files
        places = [locate(file, sources) for file in files]
        there = all(places)
        found[name] = {
            "found": there,
            "where": str(places[0]) if there and places else "comes with its package" if there else None,
            "from": None if there else files[0].url,
        }
    return found
