"""The results of a sweep: the ranking by the validation metric, `trials.csv`, `best.yaml` and kept checkpoints."""

from __future__ import annotations

import csv
import io
import json
import math
import shutil
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from deepcli.experiment import load
from deepcli.run.directory import RunDir
from deepcli.system.atomic import write_text
from deepcli.system.csv_cells import as_text

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from deepcli.sweeps.study.study import Study

STATES = {"COMPLETE": "completed", "PRUNED": "pruned", "RUNNING": "running", "WAITING": "running", "FAIL": "failed"}
"""Names of Optuna's states."""

ORDER = ("completed", "pruned", "running", "interrupted", "failed")
"""Order of the states in a ranking."""

ENDED = ("completed", "pruned", "failed")
"""The states of trials with nothing left to train."""


@dataclass(frozen=True)
class RankedTrial:
    """One trial in the ranking.

    Attributes:
        number: Number of the trial, counted from 0.
        state: completed, pruned, running, interrupted (started, but not being trained) or failed.
        value: Mean of the metric over seeds; for a trial that is not completed, the last epoch's value. None: no value.
        spread: Standard deviation over seeds; None with one seed.
        point: The values of the parameters.
        epochs: Number of reported epochs.
        seconds: Time that it was trained, without pauses between an interruption and its continuation; None while it runs.
        error: The error of a failed trial.
        same_as: An earlier trial of the same point, whose values were reused.
        host: The machine that its runs are on; None where all workers share a directory.
        path: The path of its runs there.
    """

    number: int
    state: str
    value: float | None
    spread: float | None = None
    point: Mapping[str, Any] = field(default_factory=dict)
    epochs: int = 0
    seconds: float | None = None
    error: str | None = None
    same_as: int | None = None
    host: str | None = None
    path: str | None = None

    @property
    def cells(self) -> dict[str, Any]:
        """The cells of the row by column."""
        plain = {key: value if isinstance(value, str) else json.dumps(value) for key, value in self.point.items()}
        spread = {"spread": self.spread} if self.spread is not None else {}
        rest = {"epochs": self.epochs, "seconds": self.seconds, "error": self.error}
        where = {"host": self.host, "path": self.path} if self.host is not None else {}
        return {"trial": self.number, "state": self.state, "value": self.value, **spread, **plain, **rest, **where}


def ranking(study: Study) -> list[RankedTrial]:
    """Rank the trials: completed ones with the best first, then pruned, running, interrupted and failed ones."""
    interrupted = study.interrupted()
    rows = (_row(trial, trial.number in interrupted) for trial in study.trials())
    return rank(rows, study.plan.metric.goal or "minimize")


def rank(rows: Iterable[RankedTrial], goal: str) -> list[RankedTrial]:
    """Sort rows by state and value."""
    sign = -1 if goal == "maximize" else 1

    def place(row: RankedTrial) -> tuple[int, float, int]:
        value = math.inf if row.value is None else sign * row.value
        return ORDER.index(row.state), value, row.number

    return sorted(rows, key=place)


def _row(trial: FrozenTrial, interrupted: bool = False) -> RankedTrial:
    attributes, reported = trial.user_attrs, trial.intermediate_values
    values = attributes.get("values", [])
    state = "interrupted" if interrupted and not trial.state.is_finished() else STATES[trial.state.name]
    where = attributes.get("where") or {}
    return RankedTrial(
        trial.number,
        state,
        trial.value if trial.value is not None else reported.get(max(reported, default=0)),
        statistics.stdev(values) if len(values) > 1 else None,
        json.loads(attributes.get("point", "{}")),
        len(reported),
        None if state == "running" else _seconds(trial),
        attributes.get("error"),
        attributes.get("same_as"),
        where.get("host"),
        where.get("path"),
    )


def _seconds(trial: FrozenTrial) -> float | None:
    """Return how long a trial was trained; of sweeps of earlier versions, the time from its start to its end."""
    if (seconds := trial.user_attrs.get("seconds")) is not None:
        return float(seconds)
    return round(trial.duration.total_seconds(), 3) if trial.duration else None


def write(study: Study) -> list[RankedTrial]:
    """Write `trials.csv` and `best.yaml`; return the ranking.

    Raises:
        TrainingError: A file cannot be written.
    """
    rows = ranking(study)
    write_table(study.folder.table, rows)
    if rows and rows[0].state == "completed":
        spec = load.dump(study.plan.experiment(dict(rows[0].point)))
        write_best(study.folder.best, rows[0], study.plan.metric.name, spec)
    return rows


def write_best(path: Path, row: RankedTrial, metric: str, spec: str) -> None:
    """Write the spec of the best trial, ready for `deepcli train`."""
    write_text(path, f"# Trial {row.number} of a sweep: {metric} {row.value:.6g}\n{spec}")


def write_table(path: Path, rows: Sequence[RankedTrial]) -> None:
    """Write a CSV file with one row per trial, best first."""
    cells = [row.cells for row in rows]
    columns = list(dict.fromkeys(key for row in cells for key in row))
    last = ["epochs", "seconds", "error", *(key for key in ("host", "path") if key in columns)]
    text = io.StringIO()
    writer = csv.DictWriter(text, [*(key for key in columns if key not in last), *last], lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: as_text(value) for key, value in row.items()} for row in cells)
    write_text(path, text.getvalue())


def keep_checkpoints(study: Study) -> None:
    """Remove the checkpoints of all ended trials except the best `sweep.keep`."""
    ended = (_row(trial) for trial in study.trials() if trial.state.is_finished())
    rows = [row for row in rank(ended, study.plan.metric.goal or "minimize") if row.same_as is None]
    kept = {row.number for row in rows[: study.plan.sweep.keep]}
    # A run that this machine began and another one completed is of no use here, even if it is the best.
    kept -= {trial.number for trial in study.trials() if not study.is_here(trial)}
    for row in rows:
        if row.number not in kept:
            for run in study.runs(row.number):
                shutil.rmtree(run / "checkpoints", ignore_errors=True)


def winner_runs(study: Study) -> tuple[list[str], str | None]:
    """Return the run directories of the best trial, and the machine they are on if they are not in this directory."""
    if (best := study.winner) is None or study.is_here(best):
        return list(map(str, study.winners)), None
    where = best.user_attrs["where"]
    names = [run.relative_to(study.folder.run(best.number)) for run in study.runs(best.number)]
    return [str(PurePath(where["path"]) / name) for name in names], str(where["host"])


def tested(study: Study) -> dict[str, list[float | None]]:
    """Return the best trial's metrics on the test split, one value per run; empty if they are not measured."""
    return metrics_on_test([RunDir(path) for path in study.winners]) or study.noted_test


def metrics_on_test(runs: Sequence[RunDir]) -> dict[str, list[float | None]]:
    """Read runs' metrics on the test split, one value per run; empty if a run has none."""
    results = [run.result() for run in runs]
    found = [result.metrics["test"] for result in results if result and "test" in result.metrics]
    if not found or len(found) < len(results):
        return {}
    return {name: [metrics[name] for metrics in found] for name in found[0]}
