"""`latest`, the name of the run that began last."""

from __future__ import annotations

from pathlib import Path

from deepcli.errors import RunError
from deepcli.run import listing
from deepcli.run.near_runs import RUNS

LATEST = "latest"


def run_path(path: Path) -> Path:
    """Return the path of a run: `latest` is the run in and below `runs` that began last, if nothing has this name.

    Raises:
        RunError: There are no runs.
    """
    if str(path) != LATEST or path.exists():
        return path
    found = listing.latest(RUNS)
    if found is None:
        raise RunError(f"{LATEST}: there are no runs in {RUNS}; name a run directory or a checkpoint file")
    return found
