"""Two models on the same examples: is one better, or is it noise?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from deepcli.errors import DataError

if TYPE_CHECKING:
    from deepcli.predictions import Predictions

RESAMPLES = 10_000
AT_ONCE = 4_000_000
"""Draws that are in memory at a time."""

Interval = tuple[float, float]


@dataclass(frozen=True)
class Paired:
    """The second model less the first.

    Attributes:
        examples: How many both were tried on.
        only_first: How many the first alone got right.
        only_second: How many the second alone got right.
        accuracy: The difference in accuracy.
        accuracy_interval: Its 95 % interval, by paired bootstrap.
        p_value: McNemar's exact test: how likely so uneven a split of the examples on which they differ is by chance.
        loss: The difference in cross-entropy; None where outputs are no probabilities.
        loss_interval: Its 95 % interval.
    """

    examples: int
    only_first: int
    only_second: int
    accuracy: float
    accuracy_interval: Interval
    p_value: float
    loss: float | None
    loss_interval: Interval | None

    @property
    def within_noise(self) -> bool:
        """Whether the interval of the accuracy leaves open which is better."""
        low, high = self.accuracy_interval
        return low <= 0.0 <= high

    @property
    def verdict(self) -> str:
        """In words, of the second."""
        if self.within_noise:
            return "within noise"
        return "better" if self.accuracy > 0 else "worse"


def paired(first: Predictions, second: Predictions) -> Paired:
    """Compare two models' predictions of the same examples.

    Source: McNemar (1947), "Note on the sampling error of the difference between correlated proportions"; the exact
    binomial form. Efron & Tibshirani (1993), "An Introduction to the Bootstrap", for the intervals.

    Raises:
        DataError: The examples are not the same.
    """
    from scipy.special import bdtr

    second = _in_order_of(first, second)
    right = first.answers == first.labels, second.answers == second.labels
    only_first, only_second = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    examples, differing = len(first.labels), only_first + only_second
    # Resampling examples with replacement draws the counts of three kinds of them from a multinomial distribution.
    shares = [only_first / examples, only_second / examples, 1 - differing / examples]
    drawn = np.random.RandomState(0).multinomial(examples, shares, RESAMPLES)
    losses = _losses(first), _losses(second)
    apart = None if losses[0] is None or losses[1] is None else losses[1] - losses[0]
    return Paired(
        examples,
        only_first,
        only_second,
        (only_second - only_first) / examples,
        _middle((drawn[:, 1] - drawn[:, 0]) / examples),
        min(1.0, 2 * float(bdtr(min(only_first, only_second), differing, 0.5))),
        None if apart is None else float(apart.mean()),
        None if apart is None else _middle(_resampled_means(apart)),
    )


def _in_order_of(first: Predictions, second: Predictions) -> Predictions:
    from deepcli.predictions import Predictions

    orders = [np.argsort(one.ids, kind="stable") for one in (first, second)]
    same = len(first.ids) == len(second.ids) and all(
        np.array_equal(getattr(first, name)[orders[0]], getattr(second, name)[orders[1]]) for name in ("ids", "labels")
    )
    if not same:
        raise DataError("the predictions are of different examples, so they cannot be paired")
    back = np.empty_like(orders[0])
    back[orders[0]] = orders[1]
    return Predictions(second.ids[back], second.labels[back], second.probabilities[back])


def _losses(predictions: Predictions) -> np.ndarray | None:
    """Return each example's cross-entropy, as Keras clips it; None where outputs are no probabilities."""
    distribution = predictions.distribution
    if distribution is None:
        return None
    chosen = distribution[np.arange(len(predictions.labels)), predictions.labels]
    losses: np.ndarray = -np.log(np.clip(chosen, 1e-7, 1.0))
    return losses


def _resampled_means(values: np.ndarray) -> np.ndarray:
    rng, count = np.random.default_rng(0), len(values)
    rows = max(AT_ONCE // count, 1)
    resamples = min(RESAMPLES, max(50 * rows, 1_000))
    parts = [
        values[rng.integers(0, count, (min(rows, resamples - begin), count), np.int32)].mean(axis=1)
        for begin in range(0, resamples, rows)
    ]
    return np.concatenate(parts)


def _middle(drawn: np.ndarray) -> Interval:
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)
