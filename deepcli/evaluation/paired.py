"""Paired comparison of two models on the same examples: is one better, or is the difference noise?"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np

from deepcli.errors import DataError
from deepcli.evaluation import intervals
from deepcli.evaluation.intervals import Interval

if TYPE_CHECKING:
    from deepcli.evaluation.predictions import Predictions
    from deepcli.evaluation.predictions_base import AnyPredictions

P = TypeVar("P", bound="AnyPredictions")

ALPHA = 0.05
"""Significance level: a difference counts as more than noise if its p-value is below this."""


class PairedBase(ABC):
    """What the comparison of two models on the same examples has in common for every kind of predictions.

    Attributes:
        examples: Number of examples.
        p_value: P-value of the test of whether the difference is noise.
        p_adjusted: P-value after Holm's correction for all comparisons in a table; the verdict is based on it.
    """

    examples: int
    p_value: float
    p_adjusted: float

    @property
    @abstractmethod
    def verdict(self) -> str:
        """The verdict on the second model, in words."""

    @property
    @abstractmethod
    def measure(self) -> str:
        """What better and worse are about, and how it was tested, as a footnote says it."""

    @abstractmethod
    def lines(self) -> list[str]:
        """Return the differences as lines of text, without the p-value."""

    def adjusted(self, p: float) -> Self:
        """Return the same with another adjusted p-value."""
        values: Any = self
        changed: Self = replace(values, p_adjusted=p)
        return changed

    def plain(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        values: Any = self
        return asdict(values)


@dataclass(frozen=True)
class Paired(PairedBase):
    """Differences between two models on the same examples: second minus first.

    Attributes:
        examples: Number of examples.
        only_first: Number of examples that only the first model predicts correctly.
        only_second: Number of examples that only the second model predicts correctly.
        accuracy: Difference in accuracy.
        accuracy_interval: Its 95 % interval, which excludes 0 exactly if the p-value is below 0.05.
        p_value: P-value of McNemar's exact test on the examples that only one model predicts correctly.
        loss: Difference in cross-entropy; None if outputs are not probabilities.
        loss_interval: Its 95 % interval by paired bootstrap; None if the losses are equal on every example.
        p_adjusted: P-value after Holm's correction for all comparisons in the table; the verdict is based on it.
    """

    examples: int
    only_first: int
    only_second: int
    accuracy: float
    accuracy_interval: Interval
    p_value: float
    loss: float | None
    loss_interval: Interval | None
    p_adjusted: float

    @property
    def verdict(self) -> str:
        """The verdict on the second model's accuracy, in words."""
        return verdict(self.accuracy, self.p_adjusted)

    @property
    def measure(self) -> str:
        return "accuracy in McNemar's exact test"

    def lines(self) -> list[str]:
        low, high = self.accuracy_interval
        lines = [f"accuracy {100 * self.accuracy:+.2f} points  [{100 * low:+.2f}, {100 * high:+.2f}]"]
        if self.loss is not None and self.loss_interval is not None:
            low, high = self.loss_interval
            lines.append(f"loss     {self.loss:+.4f}       [{low:+.4f}, {high:+.4f}]")
        return [*lines, f"correct where the other is wrong: {self.only_second} against {self.only_first}"]


def verdict(difference: float, p: float) -> str:
    """Return "within noise", "better" or "worse", by the p-value and the sign of a difference."""
    if p >= ALPHA:
        return "within noise"
    return "better" if difference > 0 else "worse"


def t_test(apart: np.ndarray, mean: float) -> tuple[float, Interval]:
    """Return the p-value of the paired t test of independent differences, and the interval of their mean.

    Source: Student (1908), "The probable error of a mean".

    Args:
        apart: The differences, float (count,).
        mean: Their mean; or, if they are means of blocks, the mean of all that is in the blocks.
    """
    from scipy.special import stdtr

    count, reach = len(apart), intervals.t_reach(apart)
    if count < 2:
        return 1.0, (mean - reach, mean + reach)
    error = float(apart.std(ddof=1)) / math.sqrt(count)
    p_value = 2 * float(stdtr(count - 1, -abs(mean) / error)) if error else float(mean == 0)
    return p_value, (mean - reach, mean + reach)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for their number: the chance of one false finding among all of them stays below `ALPHA`.

    Source: Holm (1979), "A simple sequentially rejective multiple test procedure".
    """
    adjusted, most = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        most = max(most, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = most
    return adjusted


def paired(first: Predictions, second: Predictions) -> Paired:
    """Compare two models' predictions of the same examples.

    Source: McNemar (1947), "Note on the sampling error of the difference between correlated proportions"; the exact
    binomial form. Efron & Tibshirani (1993), "An Introduction to the Bootstrap", for the interval of the loss.

    Raises:
        DataError: The examples differ.
    """
    from scipy.special import bdtr

    second = in_order_of(first, second)
    right = first.answers == first.labels, second.answers == second.labels
    only_first, only_second = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    examples, differing = len(first.labels), only_first + only_second
    p_value = min(1.0, 2 * float(bdtr(min(only_first, only_second), differing, 0.5)))
    losses = _losses(first), _losses(second)
    apart = None if losses[0] is None or losses[1] is None else losses[1] - losses[0]
    return Paired(
        examples,
        only_first,
        only_second,
        (only_second - only_first) / examples,
        intervals.difference(only_first, only_second, examples),
        p_value,
        None if apart is None else float(apart.mean()),
        None if apart is None else intervals.resampled_mean(apart),
        p_value,
    )


def compare_pair(first: AnyPredictions, second: AnyPredictions) -> PairedBase:
    """Compare two models' predictions of the same examples, of any kind.

    Raises:
        DataError: The examples differ, or the predictions are of different kinds.
    """
    if type(first) is not type(second):
        raise DataError(f"{first.CALLED} and {second.CALLED} cannot be paired")
    return first.paired(second)


def in_order_of(first: P, second: P) -> P:
    """Return the second predictions in the order of the first.

    Raises:
        DataError: The examples differ.
    """
    orders = [np.argsort(one.ids, kind="stable") for one in (first, second)]
    same = len(first.ids) == len(second.ids) and all(
        np.array_equal(getattr(first, name)[orders[0]], getattr(second, name)[orders[1]]) for name in ("ids", "truth")
    )
    if not same:
        raise DataError("the predictions cover different examples, so they cannot be paired")
    back = np.empty_like(orders[0])
    back[orders[0]] = orders[1]
    return second.reordered(back)


def _losses(predictions: Predictions) -> np.ndarray | None:
    """Return each example's cross-entropy, clipped as in Keras; None if outputs are not probabilities."""
    distribution = predictions.distribution
    if distribution is None:
        return None
    chosen = distribution[np.arange(len(predictions.labels)), predictions.labels]
    losses: np.ndarray = -np.log(np.clip(chosen, 1e-7, 1.0))
    return losses
