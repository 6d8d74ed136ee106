"""What `environment.json` keeps of a run: everything that decides its figures and is not in its spec."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import keras

from deepcli import __version__
from deepcli.data.splits import Splits
from deepcli.engine.device import versions
from deepcli.engine.plan import Plan


def describe(
    splits: Splits,
    model: keras.Model,
    plan: Plan,
    command: Sequence[str],
    plugins: Sequence[str],
) -> dict[str, Any]:
    """Describe a run that is about to begin, as plain values."""
    decisions = {
        "device": plan.device.choice,
        "precision": plan.precision,
        "jit_compile": plan.jit,
        "steps_per_execution": plan.steps_per_execution,
    }
    provenance = splits.provenance
    return {
        "command": list(command),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "git_commit": git_commit(),
        "versions": {"deepcli": __version__, **versions()},
        **{name: {"value": choice.value, "why": choice.why} for name, choice in decisions.items()},
        "threads": plan.device.threads,
        "plugins": list(plugins),
        "parameters": model.count_params(),
        "data": {
            "source": provenance.source,
            "verified": provenance.verified,
            "sha256": provenance.sha256,
            "examples": {
                name: len(split)
                for name in ("train", "validation", "test")
                if (split := getattr(splits, name)) is not None
            },
        },
    }


def git_commit() -> str | None:
    """Return the commit that is checked out where the command runs; None outside a repository."""
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=2, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
