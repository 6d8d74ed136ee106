"""The object that `deepcli sweep … --json` prints and `outcome.json` keeps: its keys are a promise to scripts."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from deepcli.result import Answer
from deepcli.sweeps.ranking import ORDER, RankedTrial

NONE_COMPLETED = "no trial was completed"


class Winner(BaseModel):
    """The best trial."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trial: int = Field(description="Its number, counted from 0.")
    value: float = Field(description="The metric, a mean over the seeds.")
    spread: float | None = Field(None, description="Standard deviation over the seeds; null with one.")
    point: dict[str, Any] = Field(description="What it varied, by dotted key.")
    runs: list[str] = Field(description="Its run directories, one a seed.")
    test: dict[str, float | None] = Field(
        default_factory=dict, description="Means over the seeds on the test split; empty before the sweep has ended."
    )
    test_spread: dict[str, float] | None = Field(None, description="Standard deviations of those; null with one seed.")


class Outcome(Answer):
    """What a sweep has come to, for a script to read."""

    model_config = ConfigDict(frozen=True, extra="forbid", title="deepcli sweep")

    command: Literal["sweep run", "sweep status", "sweep collect"] = Field(description="The command that ran.")
    status: Literal["completed", "planned", "unfinished", "failed", "interrupted"] = Field(
        description="completed: it has met its plan; unfinished: trials are left; failed: too many of them did; "
        "planned: with --dry-run, nothing was trained."
    )
    sweep: str | None = Field(None, description="The sweep's directory, as given.")
    metric: str | None = Field(None, description="What decides.")
    goal: Literal["minimize", "maximize"] | None = Field(None, description="Which way.")
    planned: int | None = Field(None, description="Trials that there shall be; null where nothing says.")
    completed: int = Field(0, description="Trials that ran to their end.")
    pruned: int = Field(0, description="Trials that were ended early.")
    failed: int = Field(0, description="Trials that failed.")
    running: int = Field(0, description="Trials that a process is at.")
    unfinished: int = Field(0, description="Trials of a plan that were begun and that no process is at.")
    best: Winner | None = Field(None, description="The best trial; null if none is completed.")
    importances: dict[str, float] = Field(
        default_factory=dict,
        description="Each parameter's share in reaching the best tenth of the trials; empty where trials are too few.",
    )
    importances_note: str | None = Field(
        None, description="Why there are no importances, or which parameters are left out; null if nothing is to say."
    )
    points: list[dict[str, Any]] | None = Field(
        None,
        description="With --dry-run: each point by dotted key; null where a point is chosen after those before it.",
    )
    seconds: float | None = Field(None, description="Wall time of the whole command, in seconds.")


def counts(rows: Sequence[RankedTrial]) -> dict[str, int]:
    """Count the trials in each state."""
    found = Counter(row.state for row in rows)
    return {state: found[state] for state in ORDER}


def winner(
    rows: Sequence[RankedTrial], runs: Sequence[str], test: Mapping[str, Sequence[float | None]]
) -> Winner | None:
    """Describe the best trial of a ranking; None if none is completed.

    Args:
        rows: The ranking.
        runs: The winner's run directories.
        test: By metric, a figure on the test split for each of them.
    """
    if not rows or rows[0].state != "completed" or rows[0].value is None:
        return None
    figures = {name: [value for value in values if value is not None] for name, values in test.items()}
    several = len(runs) > 1
    return Winner(
        trial=rows[0].number,
        value=rows[0].value,
        spread=rows[0].spread,
        point=dict(rows[0].point),
        runs=list(runs),
        test={name: statistics.fmean(values) if values else None for name, values in figures.items()},
        test_spread={name: statistics.stdev(values) for name, values in figures.items() if len(values) > 1}
        if several
        else None,
    )
