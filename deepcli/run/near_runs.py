"""What a path that is not a run was probably meant to be."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path

from deepcli.spec.near_paths import near_hint

SPECS = (".yaml", ".yml")
RUNS = Path("runs")
"""Where `train` puts runs by default."""
MOST_ENTRIES = 2_000


def run_hint(path: Path) -> str:
    """Suggest what to name instead of a path that is not a run, behind a message; an empty string if nothing is known."""
    try:
        if path.suffix.lower() in SPECS and path.is_file():
            return _of_spec(path)
        if not path.exists():
            inside = RUNS / path
            return f"; did you mean {inside}?" if is_run(inside) else near_hint(path)
    except OSError:  # a folder that may not be read
        return ""
    newest = _newest(path)
    return f"; it has runs in it: name one, such as {newest}" if newest else ""


def _of_spec(path: Path) -> str:
    """Say how a spec becomes a run, or which run has it."""
    if path.name == "config.yaml" and is_run(path.parent):
        return f"; it is the spec of the run {path.parent}: name that"
    trained = _newest(RUNS, f"{path.stem}-")
    other = f", or name a run of it, such as {trained}" if trained else ""
    return f"; it is a spec: train it first with `deepcli train {path}`{other}"


def _newest(folder: Path, start: str = "") -> Path | None:
    """Return the run in a folder that changed last, of those whose names begin as wanted."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in islice(entries, MOST_ENTRIES) if entry.name.startswith(start)]
        found = [folder / name for name in names if is_run(folder / name)]
        return max(found, key=lambda run: (run.stat().st_mtime, run), default=None)
    except OSError:
        return None


def is_run(path: Path) -> bool:
    """Return whether a folder has the two files that every run begins with."""
    return (path / "config.yaml").is_file() and (path / "environment.json").is_file()
