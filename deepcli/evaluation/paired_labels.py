"""Paired comparison of two models that predict several labels for each example, by micro F1 on the same examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from deepcli.evaluation import intervals
from deepcli.evaluation.intervals import Interval
from deepcli.evaluation.paired import PairedBase, in_order_of, verdict

if TYPE_CHECKING:
    from deepcli.evaluation.label_predictions import LabelPredictions

SHUFFLES = 9_999
"""Number of random exchanges; the smallest p-value is 1 / 10,000."""


@dataclass(frozen=True)
class PairedLabels(PairedBase):
    """Differences between two models on the same examples: second minus first.

    Attributes:
        examples: Number of examples.
        only_first: Number of examples that only the first model gives exactly their labels.
        only_second: Number of examples that only the second model gives exactly their labels.
        f1: Difference in micro F1.
        f1_interval: Its 95 % interval by paired bootstrap; None if all resamples agree.
        p_value: P-value of the randomization test of the micro F1.
        accuracy: Difference in subset accuracy.
        accuracy_interval: Its 95 % interval.
        p_adjusted: P-value after Holm's correction for all comparisons in the table; the verdict is based on it.
    """

    examples: int
    only_first: int
    only_second: int
    f1: float
    f1_interval: Interval | None
    p_value: float
    accuracy: float
    accuracy_interval: Interval
    p_adjusted: float

    @property
    def verdict(self) -> str:
        """The verdict on the second model's micro F1, in words."""
        return verdict(self.f1, self.p_adjusted)

    @property
    def measure(self) -> str:
        return "micro F1 in a paired randomization test"

    def lines(self) -> list[str]:
        ends = f"  [{self.f1_interval[0]:+.4f}, {self.f1_interval[1]:+.4f}]" if self.f1_interval else ""
        low, high = self.accuracy_interval
        return [
            f"micro F1        {self.f1:+.4f}{ends}",
            f"subset accuracy {100 * self.accuracy:+.2f} points  [{100 * low:+.2f}, {100 * high:+.2f}]",
            f"exactly right where the other is not: {self.only_second} against {self.only_first}",
        ]


def paired_labels(first: LabelPredictions, second: LabelPredictions) -> PairedLabels:
    """Compare two models' predicted labels of the same examples, each with its own thresholds.

    If the models were equally good, their answers for an example could be exchanged. The p-value is the share of random
    exchanges with at least the difference in micro F1 that was found.

    Source: Yeh (2000), "More accurate tests for the statistical significance of result differences".

    Raises:
        DataError: The examples differ.
    """
    second = in_order_of(first, second)
    examples = len(first.ids)
    sums = _sums(first, second)
    only_first, only_second = int((first.right & ~second.right).sum()), int((second.right & ~first.right).sum())
    p_value = _p_value(sums)
    return PairedLabels(
        examples,
        only_first,
        only_second,
        float(_difference(sums.sum(axis=0, keepdims=True))[0]),
        intervals.resampled_sums(sums, _difference),
        p_value,
        (only_second - only_first) / examples,
        intervals.difference(only_first, only_second, examples),
        p_value,
    )


def _sums(first: LabelPredictions, second: LabelPredictions) -> np.ndarray:
    """Return rightly given, true and given labels of each example, of the first and the second, float64 (examples, 6)."""
    parts = [part.sum(axis=1, dtype=np.float64) for one in (first, second) for part in one.tallies]
    return np.stack(parts, axis=1)


def _difference(sums: np.ndarray) -> np.ndarray:
    """Compute differences in micro F1 from sums (differences, 6)."""
    f1 = [2 * one[:, 0] / np.maximum(one[:, 1] + one[:, 2], 1) for one in np.split(sums, 2, axis=1)]
    apart: np.ndarray = f1[1] - f1[0]
    return apart


def _p_value(sums: np.ndarray) -> float:
    first, second = np.split(sums, 2, axis=1)
    total = sums.sum(axis=0)
    apart = (second - first)[(first != second).any(axis=1)]
    if not len(apart):
        return 1.0
    rng, seen = np.random.default_rng(0), abs(_difference(total[None])[0])
    rows, extreme = max(intervals.AT_ONCE // len(apart), 1), 1
    for begin in range(0, SHUFFLES, rows):
        exchanged = rng.integers(0, 2, (min(rows, SHUFFLES - begin), len(apart))).astype(np.float64) @ apart
        drawn = total + np.hstack([exchanged, -exchanged])
        extreme += int((np.abs(_difference(drawn)) >= seen - 1e-12).sum())
    return extreme / (SHUFFLES + 1)
