"""What the bits of results depend on besides versions: the processor, and environment variables of the libraries."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

from deepcli.system.cores import cores

KERNEL_FLAGS = (
    "avx", "fma", "avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_bf16", "amx_fp16", "sve",
)  # fmt: skip
"""Instruction sets by which the libraries choose how they compute, as Linux names them."""
VARIABLES = (
    "TF_ENABLE_", "TF_DISABLE_", "TF_DETERMINISTIC", "TF_CUDNN", "TF_XLA_FLAGS", "TF_NUM_", "XLA_FLAGS", "ONEDNN_", "DNNL_",
    "OMP_", "CUBLAS_WORKSPACE_CONFIG", "NVIDIA_TF32_OVERRIDE",
)  # fmt: skip
"""How the names of environment variables begin that change how the libraries compute."""


def described_processor() -> dict[str, Any]:
    """Describe the processor: its name, the cores that this process may use, and the instruction sets that matter."""
    found = {"name": platform.processor() or platform.machine(), "cores": cores(), "instructions": []}
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return found
    known = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in reversed(lines))}
    flags = set(known.get("flags", known.get("Features", "")).split())
    return {
        **found,
        "name": known.get("model name", found["name"]),
        "instructions": [flag for flag in KERNEL_FLAGS if flag in flags],
    }


def variables_of_results() -> dict[str, str]:
    """Return the environment variables that are set and may change how the libraries compute."""
    return {name: value for name, value in sorted(os.environ.items()) if name.startswith(VARIABLES)}
