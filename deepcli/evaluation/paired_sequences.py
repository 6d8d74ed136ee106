"""Paired comparison of two models on the same pairs, by what each target costs them and by what they write."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepcli.errors import DataError
from deepcli.evaluation.intervals import FEWEST, Interval
from deepcli.evaluation.paired import PairedBase, in_order_of, t_test, verdict
from deepcli.evaluation.sequence_predictions import SequencePredictions


@dataclass(frozen=True)
class PairedSequences(PairedBase):
    """Differences between two models on the same pairs: second minus first, so that a loss below 0 is better.

    Attributes:
        examples: Number of pairs.
        loss: Difference in the cross-entropy of a token, the mean over pairs, in nats.
        loss_interval: Its 95 % interval; None if there are too few pairs.
        p_value: P-value of the paired t test of the pairs' mean cross-entropies.
        accuracy: Difference in the share of tokens that were the likeliest.
        exact_match: Difference in the share of targets that the models wrote to the character; None if one was not asked.
        p_adjusted: P-value after Holm's correction for all comparisons in the table; the verdict is based on it.
    """

    examples: int
    loss: float
    loss_interval: Interval | None
    p_value: float
    accuracy: float
    exact_match: float | None
    p_adjusted: float

    @property
    def verdict(self) -> str:
        """The verdict on the second model's cross-entropy, in words."""
        if self.loss_interval is None:
            return "too few pairs to decide"
        return verdict(-self.loss, self.p_adjusted)

    @property
    def measure(self) -> str:
        return "the cross-entropy of a target's tokens in a paired t test of the pairs"

    def lines(self) -> list[str]:
        ends = f"  [{self.loss_interval[0]:+.4f}, {self.loss_interval[1]:+.4f}]" if self.loss_interval else ""
        exact = [] if self.exact_match is None else [f"exact    {100 * self.exact_match:+.2f} points"]
        return [f"loss     {self.loss:+.4f} nats{ends}", f"accuracy {100 * self.accuracy:+.2f} points", *exact]


def paired_sequences(first: SequencePredictions, second: SequencePredictions) -> PairedSequences:
    """Compare two models on the same pairs.

    Raises:
        DataError: The pairs, or which of their tokens are scored, differ.
    """
    second = in_order_of(first, second)
    if not np.array_equal(first.scored, second.scored):
        raise DataError("the predictions score different tokens, so they cannot be paired")
    kept = first.sums[:, 2] > 0
    apart = ((second.sums[:, 0] - first.sums[:, 0]) / np.maximum(first.sums[:, 2], 1))[kept]
    loss, accuracy, count = float(apart.mean()), second.accuracy - first.accuracy, len(apart)
    exact = float(second.matches.mean() - first.matches.mean()) if first.written and second.written else None
    if count < 2 * FEWEST:
        return PairedSequences(count, loss, None, 1.0, accuracy, exact, 1.0)
    p_value, interval = t_test(apart, loss)
    return PairedSequences(count, loss, interval, p_value, accuracy, exact, p_value)
