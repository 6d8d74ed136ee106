"""Runs of one spec with several seeds: mean and spread over them, and whether the best spec is more than lucky."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from statistics import fmean, stdev

from deepcli.evaluation.seed_groups import between_groups
from deepcli.reports.comparable_runs import ComparableRuns
from deepcli.reports.reported_run import ReportedRun


@dataclass(frozen=True)
class SpecGroup:
    """The completed runs of one spec.

    Attributes:
        runs: A run for each seed, by seed.
    """

    runs: dict[int, ReportedRun]

    @property
    def name(self) -> str:
        """The folder of the runs, if it is theirs alone; else the names of the first ones."""
        names = [PurePath(run.name) for run in self.runs.values()]
        folder = names[0].parent
        if len(names) == 1 or folder == PurePath() or any(name.parent != folder for name in names):
            shown = ", ".join(map(str, names[:3]))
            return f"{shown} …" if len(names) > 3 else shown
        return str(folder)

    def figures(self, column: str) -> dict[int, float]:
        """Return a figure by seed, of the runs that have it."""
        found = {seed: run.figures.get(column) for seed, run in self.runs.items()}
        return {seed: value for seed, value in found.items() if value is not None and value == value}

    def mean(self, column: str) -> float | None:
        """Return the mean over seeds."""
        values = list(self.figures(column).values())
        return fmean(values) if values else None

    def spread(self, column: str) -> float | None:
        """Return the standard deviation over seeds."""
        values = list(self.figures(column).values())
        return stdev(values) if len(values) > 1 else None


def spec_groups(runs: ComparableRuns) -> list[SpecGroup]:
    """Group completed runs by spec, best mean first; empty if no spec has several seeds."""
    found: dict[str, dict[int, ReportedRun]] = {}
    for run in runs.runs:
        if run.is_done:
            found.setdefault(_identity(run), {}).setdefault(run.seed, run)
    groups = [SpecGroup(dict(sorted(one.items()))) for one in found.values()]
    if all(len(group.runs) < 2 for group in groups):
        return []
    column, sign = runs.ranked_by, -1 if runs.better == "max" else 1

    def place(group: SpecGroup) -> tuple[bool, float]:
        mean = group.mean(column) if column else None
        return mean is None, sign * mean if mean is not None else 0.0

    return sorted(groups, key=place)


def seeds_verdict(runs: ComparableRuns, groups: Sequence[SpecGroup]) -> str:
    """Say whether the best spec is better than the second, over seeds and on the validation split."""
    column = runs.ranked_by
    known = [group for group in groups if column and group.figures(column)]
    if column is None or len(known) < 2:
        return ""
    first, second = known[:2]
    found = between_groups(second.figures(column), first.figures(column), runs.better)
    apart = f"{abs(found.difference):.4g} apart on {column}"
    if found.interval is None:
        return f"{first.name} and {second.name} are {apart}; {found.verdict}."
    ends = f"95 % interval over seeds [{found.interval[0]:.4g}, {found.interval[1]:.4g}]"
    few = " The seeds are few, so the interval is rough." if found.few else ""
    told = {
        "better": f"{first.name} is better than {second.name}",
        "within noise": f"{first.name} and {second.name} are within noise of each other",
    }.get(found.verdict, f"{first.name} against {second.name}: {found.verdict}")
    chosen = " The best of several specs looks better than it is." if len(known) > 2 else ""
    return f"{told}: {apart}, {ends}.{few}{chosen}"


def _identity(run: ReportedRun) -> str:
    """Return a run's spec without its name, its seed, and where its data are."""
    left_out = {"name", "seed", *(f"data.{name}" for name in run.experiment.data.path_fields)}
    spec = {key: value for key, value in run.listed.spec.items() if key not in left_out}
    return json.dumps(spec, sort_keys=True, default=str)
