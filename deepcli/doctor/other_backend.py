"""Checks an installed backend in a process of its own, as a process has one: `python -m deepcli.doctor.other_backend`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

SECONDS = 600
"""Time after which the check of a backend is ended."""


def check_elsewhere(name: str) -> dict[str, Any]:
    """Train a small network on a backend in another process; return what `training_check` does there."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "deepcli.doctor.other_backend"],
            env={**os.environ, "KERAS_BACKEND": name},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"ok": False, "error": f"the check took over {SECONDS} seconds"}
    try:
        return dict(json.loads(done.stdout.splitlines()[-1]))
    except (ValueError, IndexError):
        said = (done.stderr.strip().splitlines() or [f"its process ended with exit code {done.returncode}"])[-1]
        return {"ok": False, "error": said}


def main() -> None:
    """Check the backend that KERAS_BACKEND names, and print the outcome as a line of JSON."""
    from deepcli.system.backend_startup import import_backend

    try:
        import_backend()
        from deepcli.doctor.training import training_check

        found = training_check()
    except Exception as error:  # a broken installation can raise anything
        found = {"ok": False, "error": f"{type(error).__name__}: {error}"}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
