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
RESAMPLES = 1000
"""Resamples of the examples."""


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
    from scipy.special import nctdtr, stdtrit

    counts = np.arange(2, MOST_SEEDS + 1)
    free = len(variances) * (counts - 1)
    shift = abs(difference) / np.sqrt(sum(variances) / counts)
    edge = stdtrit(free, 1 - ALPHA / 2)
    power = 1 - nctdtr(free, shift, edge) + nctdtr(free, shift, -edge)
    power[np.isnan(power)] = 1.0  # where the distribution is too far out to be computed
    enough = counts[power >= POWER]
    return int(enough[0]) if len(enough) else None


def over_examples(first: Sequence[AnyPredictions], second: Sequence[AnyPredictions], score: str) -> Interval | None:
    """Return the bootstrap interval over examples of the difference between the mean scores of two groups of models.

    All models are measured on the same resamples. The interval is None if all resamples agree.

    Source: Efron & Tibshirani (1993), "An Introduction to the Bootstrap".

    Args:
        first: Predictions of each model of the first group.
        second: The same for the second group.
        score: The name of the score.

    Raises:
        DataError: The predictions cover different examples.
    """
    groups = [[in_order_of(first[0], one) for one in group] for group in (first, second)]
    if score == "accuracy":  # a mean over examples, which is resampled much faster
        right = [np.mean([_right(one) for one in group], axis=0) for group in groups]
        return intervals.resampled_mean(right[1] - right[0])
    measure = SCORES.select(score).measure
    rng, count = np.random.default_rng(0), len(first[0].ids)
    drawn = []
    for _ in range(RESAMPLES):
        order = rng.integers(0, count, count)
        means = [np.mean([measure(one.reordered(order)) for one in group]) for group in groups]
        drawn.append(means[1] - means[0])
    known = np.array(drawn)[np.isfinite(drawn)]  # a resample without examples of a class has no score
    low, high = np.quantile(known, [intervals.TAIL, 1 - intervals.TAIL]) if len(known) else (0.0, 0.0)
    return (float(low), float(high)) if low < high else None


def _right(predictions: Any) -> np.ndarray:
    right: np.ndarray = predictions.answers == predictions.labels
    return right
