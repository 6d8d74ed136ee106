"""By how much another training of the same spec may differ: from other seeds, or from the examples of the test split."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Literal

from deepcli.evaluation.intervals import Interval

if TYPE_CHECKING:
    from deepcli.evaluation.predictions_base import AnyPredictions

FEWEST_SEEDS = 3
"""With fewer seeds, the interval of another run is too wide to say anything."""


@dataclass(frozen=True)
class ExpectedSpread:
    """Whether the difference between two trainings of a spec is one that is to be expected.

    Attributes:
        method: `seeds`: what runs of the spec with other seeds reach; `examples`: a paired test of the predictions.
        score: The score that names the result of the task, such as accuracy.
        then: Its value on the test split for the first run.
        now: That of the second.
        interval: With seeds, where 95 % of further runs are; None for examples.
        seeds: Number of runs with other seeds, the first run included; 0 for examples.
        within: Whether the difference is expected.
        text: The same in words.
    """

    method: Literal["seeds", "examples"]
    score: str
    then: float
    now: float
    interval: Interval | None
    seeds: int
    within: bool
    text: str


def spread_over_seeds(score: str, then: float, now: float, by_seed: Mapping[int, float]) -> ExpectedSpread | None:
    """Compare the score of a further run with those of runs of the spec with several seeds.

    Numerical noise that training amplifies moves a run at most as far as another seed does. So the run is expected inside
    the 95 % prediction interval of one more run: mean ± t s √(1 + 1/n).

    Source: Student (1908), "The probable error of a mean"; Hahn & Meeker (1991), "Statistical Intervals", chapter 4.

    Args:
        score: The name of the score.
        then: The score of the first run.
        now: The score of the further run.
        by_seed: The score by seed, the first run's included.

    Returns:
        What is expected; None with too few seeds, or if all have the same score.
    """
    from scipy.special import stdtrit

    values = list(by_seed.values())
    count = len(values)
    if count < FEWEST_SEEDS or not (apart := stdev(values)):
        return None
    reach = float(stdtrit(count - 1, 0.975)) * apart * math.sqrt(1 + 1 / count)
    mean = fmean(values)
    interval = (mean - reach, mean + reach)
    within = interval[0] <= now <= interval[1]
    text = (
        f"{count} seeds of this spec reach a test {score} of {mean:.4g} ± {apart:.2g}, so that 95 % of further runs are from "
        f"{interval[0]:.4g} to {interval[1]:.4g}; this one has {now:.4g}"
    )
    return ExpectedSpread("seeds", score, then, now, interval, count, within, text)


def spread_over_examples(
    score: str, then: float, now: float, first: AnyPredictions, second: AnyPredictions
) -> ExpectedSpread | None:
    """Test whether two models of one spec differ on the test split by more than chance.

    Returns:
        What was found; None if there are too few examples to decide.

    Raises:
        DataError: The predictions are of different examples.
    """
    from deepcli.evaluation.paired import compare_pair

    paired = compare_pair(first, second)
    if paired.verdict not in ("within noise", "better", "worse"):
        return None
    within = paired.verdict == "within noise"
    what = "within noise" if within else f"{paired.verdict}, beyond noise"
    text = (
        f"test {score} {then:.4g} then, {now:.4g} now; by {paired.measure}, on {paired.examples} examples, the difference is "
        f"{what} (p = {paired.p_value:.2g})"
    )
    return ExpectedSpread("examples", score, then, now, None, 0, within, text)
