"""Compare two groups of runs: one spec each, trained with several seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from statistics import fmean, stdev
from typing import Any

from deepcli.errors import DataError, RunError, UsageError
from deepcli.evaluation.intervals import Interval
from deepcli.evaluation.paired import ALPHA
from deepcli.evaluation.scores import SCORES
from deepcli.evaluation.seed_groups import SeedDifference, between_groups, over_examples, shared_seeds
from deepcli.run.run_groups import RunGroup, changes, demand_same_data


@dataclass(frozen=True)
class GroupSummary:
    """The figures of one group.

    Attributes:
        name: What the group is called.
        runs: The runs, in the order of their seeds.
        seeds: The seeds.
        test: The score on the test split by seed.
        validation: The figure on the validation split by seed; empty if a run has none.
    """

    name: str
    runs: tuple[str, ...]
    seeds: tuple[int, ...]
    test: Mapping[int, float]
    validation: Mapping[int, float]

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain values, with their means and spreads."""
        named = {"name": self.name, "runs": list(self.runs), "seeds": list(self.seeds)}
        return {**named, "test": _spread(self.test), "validation": _spread(self.validation)}


@dataclass(frozen=True)
class GroupComparison:
    """A group of runs compared with another one.

    Attributes:
        groups: The first group, and the one that is compared with it.
        score: The score that names the result of the task, by which they are compared.
        validation_figure: What is shown of the validation split: that score, or the loss if a run did not measure it.
        changed: By dotted key, the values of each field in which the two specs differ.
        seeds: The difference over seeds, second minus first.
        examples: The number of test examples.
        examples_interval: The 95 % interval of the difference over examples; None if all resamples agree.
    """

    groups: tuple[GroupSummary, GroupSummary]
    score: str
    validation_figure: str
    changed: Mapping[str, tuple[Any, Any]]
    seeds: SeedDifference
    examples: int
    examples_interval: Interval | None

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as plain values."""
        first, second = self.groups
        counts = [len(group.runs) for group in self.groups]
        repeated = {
            key: [value for value, count in zip(both, counts, strict=True) for _ in range(count)]
            for key, both in self.changed.items()
        }
        return {
            "schema": 1,
            "command": "compare",
            "runs": [*first.runs, *second.runs],
            "changed": repeated,
            "metrics": {f"test_{self.score}": [*first.test.values(), *second.test.values()]},
            "alpha": ALPHA,
            "groups": {
                "score": self.score,
                "validation_figure": self.validation_figure,
                "first": first.to_json(),
                "second": second.to_json(),
                **{("pairing" if key == "method" else key): value for key, value in asdict(self.seeds).items()},
                "examples": self.examples,
                "examples_interval": self.examples_interval,
            },
        }


def compare_groups(first: RunGroup, second: RunGroup) -> GroupComparison:
    """Compare a second group with a first one by the score that names the result of their task.

    Raises:
        UsageError: The groups share a run, predict different things, or have other test examples.
        RunError: A run has no predictions for the test split.
        DataError: Predictions are damaged, or a score is undefined.
    """
    _demand_comparable(first, second)
    score = first.experiment.resolved_task.headline
    tested = [_tested(group, score) for group in (first, second)]
    figure = score if all(group.figures("validation", score) for group in (first, second)) else "loss"
    summaries = [
        GroupSummary(
            group.name,
            tuple(run.name for run in group.runs.values()),
            tuple(group.runs),
            scores,
            group.figures("validation", figure),
        )
        for group, scores in zip((first, second), tested, strict=True)
    ]
    shared = shared_seeds(*tested)
    used = [
        [one for seed, one in group.predictions.items() if seed in shared or not shared] for group in (first, second)
    ]
    try:
        ends = over_examples(used[0], used[1], score)
    except DataError:
        raise UsageError(
            f"{first.name} and {second.name} were tested on different examples, so they cannot be compared; use the same "
            "data, limit and split"
        ) from None
    return GroupComparison(
        (summaries[0], summaries[1]),
        score,
        figure,
        changes(first.first, second.first),
        between_groups(tested[0], tested[1], SCORES[score].better),
        len(used[0][0].ids),
        ends,
    )


def _demand_comparable(first: RunGroup, second: RunGroup) -> None:
    paths = {run.run.path.resolve(): run.name for run in first.runs.values()}
    for run in second.runs.values():
        if run.run.path.resolve() in paths:
            raise UsageError(f"{run.name} is in both groups; each run can be in one of them")
    tasks = [group.experiment.resolved_task for group in (first, second)]
    if tasks[0].headline != tasks[1].headline:
        raise UsageError(
            f"{first.name} and {second.name} are of the tasks {tasks[0].type} and {tasks[1].type}, which have no score in "
            "common to be compared by"
        )
    demand_same_data(first.first, second.first)


def _tested(group: RunGroup, score: str) -> dict[int, float]:
    """Return the score of each run on the test split."""
    unfinished = [run.name for run in group.runs.values() if run.result is None or run.result.status != "completed"]
    if unfinished:
        raise RunError(
            f"{unfinished[0]} has not finished, so it cannot be compared; continue it with: "
            f"deepcli train --resume {unfinished[0]}"
        )
    values = {seed: float(SCORES.select(score).measure(one)) for seed, one in group.predictions.items()}
    for seed, value in values.items():
        if not math.isfinite(value):
            raise DataError(f"{group.runs[seed].name}: the {score} on the test split is undefined")
    return values


def _spread(figures: Mapping[int, float]) -> dict[str, Any]:
    """Return a figure by seed, with its mean and its standard deviation."""
    values = list(figures.values())
    return {
        "mean": fmean(values) if values else None,
        "standard_deviation": stdev(values) if len(values) > 1 else None,
        "by_seed": {str(seed): value for seed, value in figures.items()},
    }
