"""Paired comparison of two models that give back inputs, by their reconstruction errors on the same examples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepcli.errors import DataError
from deepcli.evaluation.input_predictions import FEWEST, InputPredictions
from deepcli.evaluation.intervals import Interval
from deepcli.evaluation.paired import PairedBase, in_order_of, t_test, verdict


@dataclass(frozen=True)
class PairedInputs(PairedBase):
    """Differences between two models' errors on the same inputs: second minus first, so that below 0 is better.

    Attributes:
        examples: Number of examples.
        mse: Difference in the mean squared error.
        mse_interval: Its 95 % interval, which excludes 0 exactly if the p-value is below 0.05.
        p_value: P-value of the paired t test of the examples' mean squared errors.
        mae: Difference in the mean absolute error.
        closer: Number of examples that the second model gives back better, and number for the first.
        p_adjusted: P-value after Holm's correction for all comparisons in the table; the verdict is based on it.
    """

    examples: int
    mse: float
    mse_interval: Interval
    p_value: float
    mae: float
    closer: tuple[int, int]
    p_adjusted: float

    @property
    def verdict(self) -> str:
        """The verdict on the second model's mean squared error, in words."""
        return "too few examples to decide" if self.examples < FEWEST else verdict(-self.mse, self.p_adjusted)

    @property
    def measure(self) -> str:
        return "the mean squared error in a paired t test"

    def lines(self) -> list[str]:
        low, high = self.mse_interval
        return [
            f"mean squared error  {self.mse:+.4g}  [{low:+.4g}, {high:+.4g}]",
            f"mean absolute error {self.mae:+.4g}",
            f"better than the other: {self.closer[0]} against {self.closer[1]} examples",
        ]


def paired_inputs(first: InputPredictions, second: InputPredictions) -> PairedInputs:
    """Compare two models' reconstruction errors of the same inputs.

    Raises:
        DataError: The examples differ, or some errors are not finite.
    """
    second = in_order_of(first, second)
    if not all(np.isfinite(one.of_kind("mean_squared_error")).all() for one in (first, second)):
        raise DataError("some reconstruction errors are not finite, so they cannot be paired")
    apart = second.of_kind("mean_squared_error") - first.of_kind("mean_squared_error")
    count, mean = len(apart), float(apart.mean())
    p_value, interval = t_test(apart, mean)
    return PairedInputs(
        count,
        mean,
        interval,
        p_value,
        second.mean("mean_absolute_error") - first.mean("mean_absolute_error"),
        (int((apart < 0).sum()), int((apart > 0).sum())),
        p_value,
    )
