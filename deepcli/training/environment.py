"""The contents of `environment.json`: what a run's results depend on besides its spec."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import keras

from deepcli import __version__
from deepcli.data.arrays.splits import Splits
from deepcli.experiment.schema import Experiment
from deepcli.run.recorded_files import described_files
from deepcli.spec.plugins import installed_versions
from deepcli.system.process_group import ALONE
from deepcli.system.processor import described_processor, variables_of_results
from deepcli.training.context import TrainOptions
from deepcli.training.device import versions
from deepcli.training.settings import RunSettings


def describe(
    experiment: Experiment,
    splits: Splits,
    model: keras.Model,
    settings: RunSettings,
    options: TrainOptions,
) -> dict[str, Any]:
    """Describe the environment of a new run as JSON values."""
    decisions = {
        "device": settings.device.choice,
        "backend": settings.device.backend,
        "precision": settings.precision,
        "jit_compile": settings.jit,
        "steps_per_execution": settings.steps_per_execution,
    }
    provenance = splits.provenance
    return {
        "command": list(options.command),
        "folder": _folder(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "git_commit": git_commit(),
        "versions": {"deepcli": __version__, **versions(), **installed_versions()},
        **{name: {"value": choice.value, "why": choice.why} for name, choice in decisions.items()},
        "threads": settings.device.threads,
        **({"processes": options.group.count} if options.group is not ALONE else {}),
        "processor": described_processor(),
        "variables": variables_of_results(),
        "plugins": list(options.plugins),
        "files": described_files(experiment, options.plugins),
        "origins": dict(options.origins),
        "parameters": model.count_params(),
        "data": {
            "source": str(provenance.source),
            "verified": provenance.verified,
            **provenance.fingerprint,
            "examples": {
                name: len(split)
                for name in ("train", "validation", "test")
                if (split := getattr(splits, name)) is not None
            },
        },
    }


def describe_resumption(
    before: Mapping[str, Any], now: Mapping[str, Any], step: int
) -> tuple[dict[str, Any], list[str]]:
    """Describe the environment of a resumed run.

    Args:
        before: The description from the start of the run.
        now: The same description of the process that resumes it.
        step: Steps taken so far.

    Returns:
        The description with this process added, and notices about differences that may change results.
    """
    notices = []
    if (threads := before.get("threads")) != now["threads"]:
        notices.append(
            f"the run started with {threads} CPU threads and resumes with {now['threads']}: the order of sums changes, "
            "so the last bits will differ from those of an uninterrupted run"
        )
    processes, processes_now = (one.get("processes", 1) for one in (before, now))
    if processes != processes_now:
        notices.append(
            f"the run started with {_counted(processes)} and resumes with {_counted(processes_now)}: the order of sums "
            "changes, so the last bits will differ from those of an uninterrupted run"
        )
    versions = _section(before, "versions")
    backend = _section(before, "backend").get("value", "tensorflow")  # older runs do not name it
    if backend != now["backend"]["value"]:
        notices.append(f"the run started on {backend} and resumes on {now['backend']['value']}: bits will differ")
    for name, version in now["versions"].items():
        if versions.get(name) != version and (name in versions or backend == now["backend"]["value"]):
            notices.append(
                f"the run started with {name} {versions.get(name)} and resumes with {version}: bits may differ"
            )
    if (device := _section(before, "device").get("value")) != now["device"]["value"]:
        notices.append(f"the run started on {device} and resumes on {now['device']['value']}: bits will differ")
    names = (
        "command",
        "folder",
        "started",
        "git_commit",
        "versions",
        "threads",
        "processor",
        "variables",
        "device",
        "backend",
    )
    part = {key: now[key] for key in (*names, "processes") if key in now}
    return {**before, "data": now["data"], "resumed": [*(before.get("resumed") or []), {"step": step, **part}]}, notices


def _counted(processes: int) -> str:
    return f"{processes} process{'es' * (processes != 1)}"


def _section(described: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a section of a description; empty if it is missing or not a mapping."""
    section = described.get(name)
    return section if isinstance(section, Mapping) else {}


def _folder() -> str | None:
    """Return the current directory, which relative paths of the command line refer to; None if it was deleted."""
    try:
        return str(Path.cwd())
    except OSError:
        return None


def git_commit() -> str | None:
    """Return the Git commit checked out in the current directory; None outside a repository."""
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=2, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
