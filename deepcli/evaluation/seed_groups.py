"""Comparison of two groups of runs, one spec each: an interval over seeds, one over examples, and how many seeds it takes.

The two intervals answer different questions. Over seeds: would the specs differ again with other seeds, on these test
examples? Over examples: would these trained models differ again on other examples?
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from deepcli.evaluation import intervals
from deepcli.evaluation.intervals import Interval
from deepcli.evaluation.paired import ALPHA, in_order_of, verdict
from deepcli.evaluation.scores import SCORES

if TYPE_CHECKING:
    from deepcli.evaluation.predictions_base import AnyPredictions

POWER = 0.8
"""The chance of finding a difference with the number of seeds that is proposed."""
MOST_SEEDS = 1000
"""More seeds than that are not counted."""
FEW_SEEDS = 5
"""With fewer seeds in a group, the spread and what follows from it are rough."""
PARTS = 100
"""Parts of the examples that the jackknife leaves out, one at a time."""


@dataclass(frozen=True)
class SeedDifference:
    """The difference between two specs over seeds: second minus first, in the unit of the score.

    Attributes:
        method: `paired` if the runs of equal seeds are compared, else `welch`.
        seeds: The seeds that are paired; empty if none are.
        better: Whether more or less of the score is better.
        difference: The difference between the means.
        interval: Its 95 % interval over seeds; None if the seeds cannot give one.
        p_value: P-value of the t test; None if there is no interval.
        seeds_needed: Seeds of each spec that would show a difference of this size with 80 % power at the 5 % level; None if
            there is no interval, or more than `MOST_SEEDS`.
        few: Whether a group has too few seeds for more than a rough spread.
        verdict: The verdict on the second spec, in words.
    """

    method: Literal["paired", "welch"]
    seeds: tuple[int, ...]
    better: Literal["max", "min"]
    difference: float
    interval: Interval | None
    p_value: float | None
    seeds_needed: int | None
    few: bool
    verdict: str


def between_groups(
    first: Mapping[int, float], second: Mapping[int, float], better: Literal["max", "min"]
) -> SeedDifference:
    """Compare the scores of two specs by seed: a t test over seeds, paired where at least half of the seeds are shared.

    Source: Student (1908), "The probable error of a mean"; Welch (1947), "The generalization of Student's problem when
    several different population variances are involved".

    Args:
        first: The score of each seed.
        second: The same for the second spec.
        better: Whether more or less is better.
    """
    shared = tuple(shared_seeds(first, second))
    if shared:
        apart = np.array([second[seed] - first[seed] for seed in shared])
        difference, counts = float(apart.mean()), [len(apart)]
        variances = [float(apart.var(ddof=1))]
    else:
        groups = [np.array(list(one.values())) for one in (first, second)]
        difference, counts = float(groups[1].mean() - groups[0].mean()), [len(one) for one in groups]
        variances = [float(one.var(ddof=1)) if len(one) > 1 else 0.0 for one in groups]
    largest = max(abs(value) for one in (first, second) for value in one.values())
    ends, p_value = None, None
    if min(counts) < 2:
        said = "one seed cannot decide"
    elif math.sqrt(sum(variances)) <= 1e-12 * max(largest, 1e-300):  # what rounding leaves of equal differences
        said = "the seeds show no spread, so they cannot decide"
    else:
        ends, p_value = _t_test(difference, variances, counts)
        said = verdict(difference if better == "max" else -difference, p_value)
    needed = seeds_needed(difference, variances) if ends else None
    few = min(counts) < FEW_SEEDS
    method: Literal["paired", "welch"] = "paired" if shared else "welch"
    return SeedDifference(method, shared, better, difference, ends, p_value, needed, few, said)


def shared_seeds(first: Mapping[int, object], second: Mapping[int, object]) -> list[int]:
    """Return the seeds that pair two groups: two or more, and at least half of the smaller group; else none."""
    shared = [seed for seed in first if seed in second]
    return shared if len(shared) > 1 and 2 * len(shared) >= min(len(first), len(second)) else []


def _t_test(difference: float, variances: Sequence[float], counts: Sequence[int]) -> tuple[Interval, float]:
    """Return the interval and the p-value of a difference, from one sample of differences or from two of scores."""
    from scipy.special import stdtr, stdtrit

    parts = [variance / count for variance, count in zip(variances, counts, strict=True)]
    error = math.sqrt(sum(parts))
    free = sum(parts) ** 2 / sum(part**2 / (count - 1) for part, count in zip(parts, counts, strict=True))
    reach = float(stdtrit(free, 1 - ALPHA / 2)) * error
    return (difference - reach, difference + reach), 2 * float(stdtr(free, -abs(difference) / error))


def seeds_needed(difference: float, variances: Sequence[float]) -> int | None:
    """Return how many seeds of each spec show a difference with a chance of 80 %; None for more than `MOST_SEEDS`.

    Source: Cohen (1988), "Statistical Power Analysis for the Behavioral Sciences": the noncentral t distribution.

    Args:
        difference: The true difference.
        variances: The variance of the differences of paired seeds, or that of the scores of each spec.
    """
    if difference == 0 or _power(difference, variances, MOST_SEEDS) < POWER:
        return None
    few, enough = 1, MOST_SEEDS
    while enough - few > 1:  # more seeds always have more power
        middle = (few + enough) // 2
        few, enough = (few, middle) if _power(difference, variances, middle) >= POWER else (middle, enough)
    return enough


def _power(difference: float, variances: Sequence[float], count: int) -> float:
    """Return the chance that a t test over a number of seeds of each spec finds a difference."""
    from scipy.special import nctdtr, stdtrit

    free = len(variances) * (count - 1)
    shift = abs(difference) / math.sqrt(sum(variances) / count)
    edge = float(stdtrit(free, 1 - ALPHA / 2))
    power = 1 - float(nctdtr(free, shift, edge)) + float(nctdtr(free, shift, -edge))
    return 1.0 if math.isnan(power) else power  # too far out to be computed


def over_examples(first: Sequence[AnyPredictions], second: Sequence[AnyPredictions], score: str) -> Interval | None:
    """Return the 95 % interval over examples of the difference between the mean scores of two groups of models.

    All models are measured on the same resamples. For the accuracy, a mean over examples, it is a bootstrap; for other
    scores a jackknife that leaves out a hundredth of the examples at a time. It is None if all resamples agree, or if the
    score is undefined without some examples.

    Source: Efron & Tibshirani (1993), "An Introduction to the Bootstrap"; Shao & Wu (1989), "A general theory for jackknife
    variance estimation".

    Args:
        first: Predictions of each model of the first group.
        second: The same for the second group.
        score: The name of the score.

    Raises:
        DataError: The predictions cover different examples.
    """
    groups = [[in_order_of(first[0], one) for one in group] for group in (first, second)]
    if score == "accuracy":
        right = [np.mean([_right(one) for one in group], axis=0) for group in groups]
        return intervals.resampled_mean(right[1] - right[0])
    measure, count = SCORES.select(score).measure, len(first[0].ids)

    def difference(places: np.ndarray) -> float:
        means = [np.mean([measure(one.reordered(places)) for one in group]) for group in groups]
        return float(means[1] - means[0])

    parts = np.array_split(np.random.default_rng(0).permutation(count), min(PARTS, count))
    left = np.array([difference(np.setdiff1d(np.arange(count), part)) for part in parts])
    error = math.sqrt((len(parts) - 1) / len(parts) * float(((left - left.mean()) ** 2).sum()))
    if not error > 0:  # also where it is not a number
        return None
    from scipy.special import stdtrit

    middle, reach = difference(np.arange(count)), float(stdtrit(len(parts) - 1, 1 - ALPHA / 2)) * error
    return middle - reach, middle + reach


def _right(predictions: Any) -> np.ndarray:
    right: np.ndarray = predictions.answers == predictions.labels
    return right
