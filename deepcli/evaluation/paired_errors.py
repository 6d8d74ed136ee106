"""Paired comparison of two models that predict numbers or levels, by their absolute errors on the same examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from deepcli.errors import DataError
from deepcli.evaluation import intervals
from deepcli.evaluation.intervals import Interval
from deepcli.evaluation.number_predictions import FEWEST
from deepcli.evaluation.paired import PairedBase, in_order_of, t_test, verdict

if TYPE_CHECKING:
    from deepcli.evaluation.level_predictions import LevelPredictions
    from deepcli.evaluation.number_predictions import NumberPredictions


@dataclass(frozen=True)
class PairedErrors(PairedBase):
    """Differences between two models' errors on the same examples: second minus first, so that below 0 is better.

    Attributes:
        examples: Number of examples.
        unit: What errors are measured in; empty for the unit of the single target.
        mae: Difference in mean absolute error.
        mae_interval: Its 95 % interval, which excludes 0 exactly if the p-value is below 0.05.
        p_value: P-value of the paired t test of the absolute errors.
        rmse: Difference in the root of the mean squared error.
        rmse_interval: Its 95 % interval by paired bootstrap; None if all resamples agree.
        closer: Number of examples for which the second model is closer, and number for which the first one is.
        p_adjusted: P-value after Holm's correction for all comparisons in the table; the verdict is based on it.
    """

    examples: int
    unit: str
    mae: float
    mae_interval: Interval
    p_value: float
    rmse: float
    rmse_interval: Interval | None
    closer: tuple[int, int]
    p_adjusted: float

    @property
    def verdict(self) -> str:
        """The verdict on the second model's mean absolute error, in words."""
        if self.examples < FEWEST:
            return "too few examples to decide"
        return verdict(-self.mae, self.p_adjusted)

    @property
    def measure(self) -> str:
        return "the mean absolute error in a paired t test"

    def lines(self) -> list[str]:
        unit = f" {self.unit}" if self.unit else ""
        lines = [f"mean absolute error {self.mae:+.4g}{unit}  {_ends(self.mae_interval)}"]
        lines.append(f"rmse                {self.rmse:+.4g}{unit}  {_ends(self.rmse_interval)}".rstrip())
        return [*lines, f"closer than the other: {self.closer[0]} against {self.closer[1]}"]


def _ends(ends: Interval | None) -> str:
    return f"[{ends[0]:+.4g}, {ends[1]:+.4g}]" if ends else ""


def paired_numbers(first: NumberPredictions, second: NumberPredictions) -> PairedErrors:
    """Compare two models' predicted numbers of the same examples.

    With several targets, an example's error is the mean over them in standard deviations of each target on the split.

    Raises:
        DataError: The examples or the numbers differ, or some predictions are not finite.
    """
    if first.names != second.names:
        raise DataError("the predictions are of different numbers, so they cannot be paired")
    if not all(np.isfinite(one.values).all() for one in (first, second)):
        raise DataError("some predictions are not finite numbers, so they cannot be paired")
    second = in_order_of(first, second)
    scales = first.spreads if len(first.names) > 1 else np.ones(1)
    return _paired(first.errors / scales, second.errors / scales, "standard deviations" if len(scales) > 1 else "")


def paired_levels(first: LevelPredictions, second: LevelPredictions) -> PairedErrors:
    """Compare two models' predicted levels of the same examples, by their distance in steps.

    Raises:
        DataError: The examples differ.
    """
    second = in_order_of(first, second)
    return _paired(first.steps[:, None].astype(float), second.steps[:, None].astype(float), "steps")


def _paired(first: np.ndarray, second: np.ndarray, unit: str) -> PairedErrors:
    """Compare absolute errors (examples, targets).

    The test is of the mean, which is what the score is: Wilcoxon's signed ranks would test the median of the differences
    and may call the model with the larger mean error better. Means of 30 differences or more are near enough to normal.

    Source: Diebold & Mariano (1995), "Comparing predictive accuracy", who compare forecasts this way. Efron & Tibshirani
    (1993), "An Introduction to the Bootstrap", for the interval of the RMSE.
    """
    apart = second.mean(axis=1) - first.mean(axis=1)
    count, mean = len(apart), float(apart.mean())
    p_value, interval = t_test(apart, mean)
    width = first.shape[1]

    def rmse(sums: np.ndarray) -> np.ndarray:
        roots = np.sqrt(sums / count)
        found: np.ndarray = roots[:, width:].mean(axis=1) - roots[:, :width].mean(axis=1)
        return found

    squares = np.hstack([first, second]) ** 2
    return PairedErrors(
        count,
        unit,
        mean,
        interval,
        p_value,
        float(rmse(squares.sum(axis=0, keepdims=True))[0]),
        intervals.resampled_sums(squares, rmse),
        (int((apart < 0).sum()), int((apart > 0).sum())),
        p_value,
    )
