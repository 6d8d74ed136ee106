"""The machine and the versions of packages, on which the figures of a benchmark depend."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import deepcli

FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "amx_tile")
PACKAGES = ("tensorflow", "keras", "numpy", "lightning", "torch", "ludwig")


def describe() -> dict[str, Any]:
    """Return the machine, the versions and the date as plain values."""
    facts = cpu()
    affinity = getattr(os, "sched_getaffinity", None)
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cpu": facts.get("model name") or platform.processor() or platform.machine(),
            "flags": [flag for flag in FLAGS if flag in facts.get("flags", "").split()],
            "cores": len(affinity(0)) if affinity else os.cpu_count(),
            "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
            "platform": platform.platform(),
        },
        "versions": {
            "deepcli": deepcli.__version__,
            "commit": commit(),
            "python": platform.python_version(),
            **installed(),
        },
    }


def in_words() -> str:
    """Describe the machine as in headers of configs: `two cores (an Intel Xeon with AMX)`."""
    machine = describe()["machine"]
    cores = {1: "one core", 2: "two cores"}.get(machine["cores"], f"{machine['cores']} cores")
    name = " ".join(re.sub(r"\((?:R|TM)\)|@.*|\b(?:CPU|Processor)\b", " ", machine["cpu"]).split())
    return f"{cores} (an {name} with AMX)" if "amx_bf16" in machine["flags"] else f"{cores} ({name})"


def installed() -> dict[str, str]:
    """Return the versions of the packages that are installed."""
    versions = {}
    for name in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions


def cpu() -> dict[str, str]:
    """Return what Linux reports about the first core; nothing on other systems."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return {}
    pairs = (line.partition(":") for line in text.partition("\n\n")[0].splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def commit() -> str | None:
    """Return the commit of these benchmarks, with `-dirty` if there are changes; None outside a repository."""
    command = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    return done.stdout.strip() or None
