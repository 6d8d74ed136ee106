"""Two specs, each trained with several seeds: is one better, or is it the luck of the seed?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from deepcli.evaluation.paired import ALPHA, in_order_of, verdict

if TYPE_CHECKING:
    from deepcli.evaluation.predictions import Predictions

RESAMPLES = 10_000
"""Flips of signs that are tried; all there are of up to 13 seeds."""


@dataclass(frozen=True)
class OverSeeds:
    """The second spec less the first.

    Attributes:
        against: The runs of the first spec, one a seed.
        runs: Those of the second, with the same seeds.
        seeds: That both were trained with.
        differences: In accuracy, of each seed.
        p_value: Of the sign-flip test: how likely a mean so far from 0 is if the specs were the same.
        p_adjusted: After Holm's correction for all comparisons over seeds; it alone decides.
        comparisons: How many there are.
    """

    against: Sequence[str]
    runs: Sequence[str]
    seeds: Sequence[int]
    differences: Sequence[float]
    p_value: float
    p_adjusted: float
    comparisons: int = 1

    @property
    def accuracy(self) -> float:
        """The mean difference in accuracy."""
        return float(np.mean(self.differences))

    @property
    def verdict(self) -> str:
        """In words, of the second."""
        if self.comparisons * 2 / 2 ** len(self.seeds) >= ALPHA:
            return "too few seeds to decide"
        return verdict(self.accuracy, self.p_adjusted)


def over_seeds(
    first: Mapping[int, tuple[str, Predictions]], second: Mapping[int, tuple[str, Predictions]]
) -> OverSeeds:
    """Compare two specs seed by seed, by the seeds that both were trained with.

    Source: Fisher (1935), "The Design of Experiments": signs of the differences are flipped in every way.

    Args:
        first: Of each seed, a run's name and what it predicted.
        second: Likewise.

    Raises:
        DataError: The predictions are of different examples.
    """
    from scipy.stats import permutation_test

    seeds = [seed for seed in first if seed in second]
    differences = []
    for seed in seeds:
        one = first[seed][1]
        other = in_order_of(one, second[seed][1])
        differences.append(float((other.answers == other.labels).mean() - (one.answers == one.labels).mean()))
    tested = permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=RESAMPLES, vectorized=True, rng=0
    )
    p_value = float(min(1.0, tested.pvalue))
    names = [[group[seed][0] for seed in seeds] for group in (first, second)]
    return OverSeeds(names[0], names[1], seeds, differences, p_value, p_value)
