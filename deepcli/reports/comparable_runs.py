"""Sets of runs that may be ranked against each other: of one task, on the same data, split in the same way."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePath
from typing import Literal

from deepcli.data.fingerprint import compared
from deepcli.evaluation.scores import SCORES
from deepcli.reports.reported_run import ReportedRun
from deepcli.run.listing import changed

SPLIT_FIELDS = ("limit", "validation_split", "split_seed", "split", "target", "x", "y", "kind")
"""Fields of `data` that decide which examples are in a split, and what is predicted."""

Objective = tuple[str, Literal["max", "min"]] | None


@dataclass(frozen=True)
class ComparableRuns:
    """Runs whose figures mean the same.

    Attributes:
        runs: The runs, all of which can be read, in the order of their names.
        objective: The metric that ranks them, and whether more or less is better; None: the headline of the task.
    """

    runs: tuple[ReportedRun, ...]
    objective: Objective = None

    @property
    def first(self) -> ReportedRun:
        """The first run, which stands for the task and the data of all."""
        return self.runs[0]

    @cached_property
    def metric(self) -> str:
        """The metric that names the result: the headline of the task if it was measured, else the first metric."""
        if self.objective is not None:
            return self.objective[0]
        measured = [name for name in self.first.experiment.measured if name != "loss"]
        headline = self.first.experiment.resolved_task.headline
        for name in (headline, *measured):
            if any(f"val_{name}" in run.figures or f"test_{name}" in run.figures for run in self.runs):
                return name
        return "loss"

    @property
    def better(self) -> Literal["max", "min"]:
        """Whether more or less of the metric is better."""
        if self.objective is not None:
            return self.objective[1]
        return SCORES[self.metric].better if self.metric in SCORES else self.first.experiment.mode(self.metric)

    @property
    def ranked_by(self) -> str | None:
        """The column that ranks the runs: the metric on the validation split; None if there is none."""
        name = f"val_{self.metric}"
        return name if any(run.figures.get(name) is not None for run in self.runs) else None

    @cached_property
    def ranked(self) -> tuple[ReportedRun, ...]:
        """The runs, best first by validation: those that have completed, then the others."""
        name, sign = self.ranked_by, -1 if self.better == "max" else 1
        if name is None:
            return self.runs

        def place(run: ReportedRun) -> tuple[bool, bool, float]:
            value = run.figures.get(name)
            known = value is not None and value == value
            return not run.is_done, not known, sign * value if known and value is not None else 0.0

        return tuple(sorted(self.runs, key=place))

    @property
    def best(self) -> ReportedRun | None:
        """The best of several completed runs by validation; None where that is not a choice."""
        name = self.ranked_by
        chosen = [run for run in self.ranked if run.is_done and name and run.figures.get(name) is not None]
        return chosen[0] if len(chosen) > 1 else None

    @cached_property
    def varied(self) -> list[str]:
        """The fields in which the specs differ, the types of components first."""
        return sorted(changed([run.listed for run in self.runs]), key=lambda key: not key.endswith(".type"))

    @property
    def title(self) -> str:
        """The data and the task."""
        experiment, path = self.first.experiment, self.first.listed.spec.get("data.path")
        name = f" {PurePath(path).name}" if isinstance(path, str) else ""
        return f"{experiment.data.type}{name}, {experiment.resolved_task.type}"


def comparable_sets(runs: Sequence[ReportedRun], objective: Objective = None) -> list[ComparableRuns]:
    """Divide the runs that can be read into sets that may be ranked, the largest first.

    Args:
        runs: The runs.
        objective: The metric of the sweep that they are of, and whether more or less of it is better.
    """
    sets: list[list[ReportedRun]] = []
    for run in runs:
        if run.loaded is None:
            continue
        fitting = next((one for one in sets if _is_comparable(one[0], run)), None)
        if fitting is None:
            sets.append([run])
        else:
            fitting.append(run)
    return sorted((ComparableRuns(tuple(one), objective) for one in sets), key=lambda one: -len(one.runs))


def split_facts(sets: Sequence[ComparableRuns]) -> list[str]:
    """Say for each set in which fields of `data` it differs from another one; empty where its title is its own."""
    fields = [_fields(one.first) for one in sets]
    keys = dict.fromkeys(key for one in fields for key in one)
    told = []
    for one, own in zip(sets, fields, strict=True):
        alike = [other for other, two in zip(fields, sets, strict=True) if two.title == one.title]
        differing = [key for key in keys if len({json.dumps(other.get(key)) for other in alike}) > 1]
        told.append(", ".join(f"{key} {json.dumps(own.get(key), ensure_ascii=False)}" for key in differing))
    return told


def _is_comparable(one: ReportedRun, other: ReportedRun) -> bool:
    tasks = [(run.experiment.resolved_task.type, run.experiment.data.type) for run in (one, other)]
    if tasks[0] != tasks[1]:
        return False
    assert one.loaded is not None and other.loaded is not None
    own, others = _fields(one), _fields(other)
    marks = compared(one.loaded.data, other.loaded.data)
    if marks is not None:
        return marks[0] == marks[1] and {**own, "data.path": None} == {**others, "data.path": None}
    return own == others


def _fields(run: ReportedRun) -> dict[str, object]:
    """Return the fields of the spec that decide which examples are predicted."""
    wanted = ("path", *SPLIT_FIELDS)
    named = {key: key.split(".")[1] for key in run.listed.spec if key.startswith("data.")}
    return {key: value for key, value in run.listed.spec.items() if named.get(key) in wanted}
