"""Paired comparison of two models of next tokens, by what each token of the same text costs them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepcli.errors import DataError
from deepcli.evaluation.intervals import Interval
from deepcli.evaluation.paired import PairedBase, in_order_of, t_test, verdict
from deepcli.evaluation.token_predictions import FEWEST_BLOCKS, TokenPredictions


@dataclass(frozen=True)
class PairedTokens(PairedBase):
    """Differences between two models on the same tokens: second minus first, so that a loss below 0 is better.

    Attributes:
        examples: Number of tokens.
        blocks: Blocks of consecutive tokens that the test compares; 0 if there are too few.
        loss: Difference in cross-entropy, in nats.
        loss_interval: Its 95 % interval over blocks; None if there are too few.
        p_value: P-value of the paired t test of the blocks' mean cross-entropies.
        accuracy: Difference in the share of tokens that were the likeliest.
        p_adjusted: P-value after Holm's correction for all comparisons in the table; the verdict is based on it.
    """

    examples: int
    blocks: int
    loss: float
    loss_interval: Interval | None
    p_value: float
    accuracy: float
    p_adjusted: float

    @property
    def verdict(self) -> str:
        """The verdict on the second model's cross-entropy, in words."""
        if self.blocks < FEWEST_BLOCKS:
            return "too few tokens to decide"
        return verdict(-self.loss, self.p_adjusted)

    @property
    def measure(self) -> str:
        return "the cross-entropy in a paired t test of blocks of consecutive tokens"

    def lines(self) -> list[str]:
        ends = f"  [{self.loss_interval[0]:+.4f}, {self.loss_interval[1]:+.4f}]" if self.loss_interval else ""
        return [f"loss     {self.loss:+.4f} nats{ends}", f"accuracy {100 * self.accuracy:+.2f} points"]


def paired_tokens(first: TokenPredictions, second: TokenPredictions) -> PairedTokens:
    """Compare two models on the same tokens.

    Neighbouring tokens are hard or easy together, so the test counts blocks of consecutive tokens and not tokens.

    Source: Carlstein (1986), "The use of subseries values for estimating the variance of a general statistic".

    Raises:
        DataError: The tokens, or which of them are scored, differ.
    """
    second = in_order_of(first, second)
    if not np.array_equal(first.scored, second.scored):
        raise DataError("the predictions score different tokens, so they cannot be paired")
    apart = np.abs(second.nats) - np.abs(first.nats)
    loss = float(apart[first.scored].mean(dtype=np.float64))
    accuracy = second.accuracy - first.accuracy
    blocks, tokens = first.blocks(apart), int(first.scored.sum())
    if blocks is None:
        return PairedTokens(tokens, 0, loss, None, 1.0, accuracy, 1.0)
    p_value, interval = t_test(blocks, loss)
    return PairedTokens(tokens, len(blocks), loss, interval, p_value, accuracy, p_value)
