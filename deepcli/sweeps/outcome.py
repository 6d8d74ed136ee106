"""The JSON object of `deepcli sweep … --json` and `outcome.json`; scripts rely on its keys, so they stay stable."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from deepcli.result import Answer
from deepcli.sweeps.ranking import ORDER, RankedTrial

NONE_COMPLETED = "no trial completed"


class Winner(BaseModel):
    """The best trial."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trial: int = Field(description="Number of the trial, counted from 0.")
    value: float = Field(description="Mean of the metric over the seeds.")
    spread: float | None = Field(None, description="Standard deviation over the seeds; null with one seed.")
    point: dict[str, Any] = Field(description="Values of the parameters by dotted key.")
    runs: list[str] = Field(description="Run directories, one per seed.")
    host: str | None = Field(
        None, description="The machine that the run directories are on, if they are not in this directory of the sweep."
    )
    test: dict[str, float | None] = Field(
        default_factory=dict,
        description="Metrics on the test split, means over the seeds; empty before the sweep has ended.",
    )
    test_spread: dict[str, float] | None = Field(
        None, description="Standard deviations of the metrics on the test split; null with one seed."
    )


class JobState(BaseModel):
    """A job of Ray or SLURM that runs a worker."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(description="How the engine calls it, such as 1234_0.")
    engine: str = Field(description="What runs it: ray or slurm.")
    state: str = Field(description="Its state in the engine's words, in lower case, such as running.")
    node: str | None = Field(description="The machine that it runs on; null if it runs on none yet.")


class Outcome(Answer):
    """The outcome of a sweep, for scripts."""

    model_config = ConfigDict(frozen=True, extra="forbid", title="deepcli sweep")

    command: Literal["sweep run", "sweep status", "sweep collect"] = Field(description="The command that ran.")
    status: Literal["completed", "planned", "unfinished", "failed", "interrupted"] = Field(
        description="completed: all planned trials have ended; unfinished: trials are left; failed: too many trials "
        "failed; planned: with --dry-run, nothing was trained."
    )
    sweep: str | None = Field(None, description="The sweep's directory, as given.")
    metric: str | None = Field(None, description="The metric that the sweep optimizes.")
    goal: Literal["minimize", "maximize"] | None = Field(None, description="Whether to minimize or maximize it.")
    planned: int | None = Field(None, description="Number of planned trials; null if not known.")
    completed: int = Field(0, description="Number of completed trials.")
    pruned: int = Field(0, description="Number of trials that were stopped early.")
    failed: int = Field(0, description="Number of failed trials.")
    running: int = Field(0, description="Number of trials being trained.")
    interrupted: int = Field(
        0, description="Number of trials that were started and have not ended, but are not being trained."
    )
    unfinished: int = Field(0, description="The same as `interrupted`, by its earlier name.")
    best: Winner | None = Field(None, description="The best trial; null if none is completed.")
    importances: dict[str, float] = Field(
        default_factory=dict,
        description="Each parameter's share in reaching the best tenth of the trials; empty with too few trials.",
    )
    importances_note: str | None = Field(
        None, description="Why there are no importances, or which parameters are left out; null otherwise."
    )
    points: list[dict[str, Any]] | None = Field(
        None,
        description="With --dry-run: each point by dotted key; null if points depend on earlier results.",
    )
    jobs: list[JobState] = Field(
        default_factory=list, description="The jobs of Ray or SLURM that run or ran workers; empty without such jobs."
    )
    script: str | None = Field(None, description="With --on slurm --dry-run: the script that would be submitted.")
    study: str | None = Field(
        None, description="The name of the sweep's study in its database; null where workers must share the directory."
    )
    join: str | None = Field(
        None,
        description="The command that lets another machine work on the sweep without its directory; it may need "
        "DEEPCLI_STORAGE. Null where workers must share the directory.",
    )
    seconds: float | None = Field(None, description="Wall time of the whole command, in seconds.")


def counts(rows: Sequence[RankedTrial]) -> dict[str, int]:
    """Count the trials in each state."""
    found = Counter(row.state for row in rows)
    return {state: found[state] for state in ORDER}


def winner(
    rows: Sequence[RankedTrial],
    runs: Sequence[str],
    test: Mapping[str, Sequence[float | None]],
    host: str | None = None,
) -> Winner | None:
    """Return the best trial of a ranking; None if none is completed.

    Args:
        rows: The ranking.
        runs: The winner's run directories.
        test: By metric, the values on the test split, one per run.
        host: The machine that they are on, if they are not in this directory of the sweep.
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
        host=host,
        test={name: statistics.fmean(values) if values else None for name, values in figures.items()},
        test_spread={name: statistics.stdev(values) for name, values in figures.items() if len(values) > 1}
        if several
        else None,
    )
