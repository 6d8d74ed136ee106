"""The columns of a table of runs, and which of them matter most where a line is short."""

from __future__ import annotations

from collections.abc import Sequence

from deepcli.run.listing import ListedRun, changed, metrics

TITLE, ASKED, HEADLINE, VARIED, TIME, LOSS, OTHER, COUNT = range(8)
"""Ranks of columns; those of the highest rank are left out first."""
GOING = ("running", "unfinished")
"""The status of runs that have not ended."""


def table_columns(runs: Sequence[ListedRun], asked: Sequence[str] = ()) -> dict[str, int]:
    """Return the columns of a table of runs in order, each with its rank.

    Args:
        runs: The runs.
        asked: Columns that the user sorts or filters by.
    """
    going = any(run.status in GOING for run in runs)
    measured = {name: _rank_of(name) for name in metrics(runs)}
    left = {"left": TITLE} if any(run.left is not None for run in runs) else {}
    ranks = {
        "run": TITLE, "status": TITLE, "epochs": TITLE if going else COUNT, **left, "best_epoch": COUNT, **measured, "seconds": COUNT,
        "started": COUNT, "age": TIME, **dict.fromkeys(changed(runs), VARIED),
    }  # fmt: skip
    for name in asked:
        ranks[name] = ASKED
    return ranks


def _rank_of(metric: str) -> int:
    if metric in ("val_loss", "test_loss"):
        return LOSS
    return HEADLINE if metric.startswith(("val_", "test_")) else OTHER


def age_text(seconds: float | None) -> str | None:
    """Return an age as people say it: `45s`, `12m`, `3h`, `5d`."""
    if seconds is None:
        return None
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"


def epochs_text(run: ListedRun) -> str | int | None:
    """Return the epochs of a run; of one that has not ended, how many of those planned."""
    if run.status in GOING and run.planned:
        return f"{run.epochs or 0} of {run.planned}"
    return run.epochs
