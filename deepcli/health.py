"""What this machine has for deepcli: versions, data sets, memory and disk. Nothing heavy is imported."""

from __future__ import annotations

import contextlib
import os
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

PACKAGES = ("tensorflow", "keras", "numpy", "scikit-learn", "matplotlib", "optuna", "pydantic", "typer")
EXTRAS = {
    "gpu": ("nvidia-cudnn-cu12",),
    "onnx": ("onnxruntime", "tf2onnx"),
    "litert": ("ai-edge-litert",),
    "tensorboard": ("tensorboard",),
    "mlflow": ("mlflow-skinny", "mlflow"),
    "wandb": ("wandb",),
    "postgresql": ("psycopg",),
    "jax": ("jax",),
}


def versions() -> dict[str, str | None]:
    """List the versions of deepcli, Python and the packages that it needs; None for one that is missing."""
    return {"deepcli": __version__, "python": platform.python_version(), **{name: _version(name) for name in PACKAGES}}


def extras() -> dict[str, str | None]:
    """List what is there of each extra; None for one that is not installed."""
    return {extra: next(filter(None, map(_version, names)), None) for extra, names in EXTRAS.items()}


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def machine() -> dict[str, Any]:
    """Describe the system, its processor, its memory, and the room on the disks that matter."""
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


def cores() -> int:
    """Count the cores that this process may use; systems without affinity tell only how many there are."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def memory_limit(root: Path = Path("/")) -> int:
    """Return how many bytes of memory this process may use: all of the machine's, or what its control groups allow."""
    import psutil

    return min(psutil.virtual_memory().total, *_group_limits(root), sys.maxsize)


def _group_limits(root: Path) -> list[int]:
    """Read the memory limits of this process's control groups and of those around them; none on other systems."""
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    limits = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            mount, file = root / "sys/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            mount, file = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        inside = Path(path.lstrip("/"))
        # In a container the path may be that outside of it; then only the mount itself is there.
        for folder in (inside, *inside.parents):
            with contextlib.suppress(OSError, ValueError):  # "max" is no number
                limits.append(int((mount / folder / file).read_text(encoding="ascii")))
    return limits


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
    except RuntimeError:  # no home
        return folders


def _free(path: Path) -> float | None:
    """Tell the room in a folder, or where it would be made."""
    there = next((place for place in (path, *path.parents) if place.is_dir()), None)
    return None if there is None else round(shutil.disk_usage(there).free / 2**30, 1)


def data_sets(sources: Sources) -> dict[str, dict[str, Any]]:
    """Tell of each data set whether it is on this machine, and where; nothing is read or fetched."""
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
