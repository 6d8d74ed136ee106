"""Comparison of two specs over several seeds: is one better, or is the difference due to the seeds?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from deepcli.evaluation.paired import ALPHA, in_order_of, verdict

if TYPE_CHECKING:
    from deepcli.evaluation.predictions_base import AnyPredictions

RESAMPLES = 10_000
"""Number of sign flips that are tried; for up to 13 seeds, all are."""


@dataclass(frozen=True)
class OverSeeds:
    """Differences between two specs over the same seeds: second minus first.

    Attributes:
        against: The runs of the first spec, one per seed.
        runs: The runs of the second spec, with the same seeds.
        seeds: The seeds that both were trained with.
        measure: What the differences are in, of which more is better.
        differences: Difference in that for each seed.
        p_value: P-value of the sign-flip test for a mean difference of 0.
        p_adjusted: P-value after Holm's correction for all comparisons over seeds; the verdict is based on it.
        comparisons: Number of comparisons over seeds.
    """

    against: Sequence[str]
    runs: Sequence[str]
    seeds: Sequence[int]
    measure: str
    differences: Sequence[float]
    p_value: float
    p_adjusted: float
    comparisons: int = 1

    @property
    def difference(self) -> float:
        """The mean difference."""
        return float(np.mean(self.differences))

    @property
    def verdict(self) -> str:
        """The verdict on the second spec, in words."""
        if self.comparisons * 2 / 2 ** len(self.seeds) >= ALPHA:
            return "too few seeds to decide"
        return verdict(self.difference, self.p_adjusted)


def over_seeds(
    first: Mapping[int, tuple[str, AnyPredictions]], second: Mapping[int, tuple[str, AnyPredictions]]
) -> OverSeeds:
    """Compare two specs seed by seed, on the seeds that both were trained with.

    Source: Fisher (1935), "The Design of Experiments": a permutation test over all signs of the differences.

    Args:
        first: For each seed, a run's name and its predictions.
        second: The same for the second spec.

    Raises:
        DataError: The predictions cover different examples.
    """
    from scipy.stats import permutation_test

    seeds = [seed for seed in first if seed in second]
    differences = []
    for seed in seeds:
        one = first[seed][1]
        other = in_order_of(one, second[seed][1])
        differences.append(other.merit - one.merit)
    tested = permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=RESAMPLES, vectorized=True, rng=0
    )
    p_value = float(min(1.0, tested.pvalue))
    names = [[group[seed][0] for seed in seeds] for group in (first, second)]
    return OverSeeds(names[0], names[1], seeds, first[seeds[0]][1].MERIT, differences, p_value, p_value)
