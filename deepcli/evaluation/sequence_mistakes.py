"""Pairs that a report shows: the worst, the best and typical ones, and the attention of one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from deepcli.evaluation.saved_examples import SavedExamples
from deepcli.evaluation.sequence_predictions import SequencePredictions, joined_lines, lines_of

EACH = 8
"""Pairs of each group."""
GROUPS = ("worst", "typical", "best")
MOST_TOKENS = 512


@dataclass(frozen=True)
class SequenceExamples(SavedExamples):
    """Pairs with the largest cross-entropy of a token, from the middle, and with the smallest.

    Attributes:
        ids: The pairs' places, int (pairs,).
        groups: The number of the group in `GROUPS`, int (pairs,).
        errors: Mean cross-entropy of each pair in nats, float64 (pairs,).
        texts: Input, target and what the model wrote of each pair, a line each, UTF-8 in uint8 (bytes,).
        attention: How much each token that the model wrote for the pair `attended` attends to each token of its input,
            float32 (tokens, tokens); (0, 0) for a model without attention.
        labels: The tokens of that input and of what the model wrote, a line each, those of the input first.
        attended: The place of that pair among these, int (1,).
    """

    KINDS: ClassVar[str] = "iififii"

    ids: np.ndarray
    groups: np.ndarray
    errors: np.ndarray
    texts: np.ndarray
    attention: np.ndarray
    labels: np.ndarray
    attended: np.ndarray

    def with_attention(self, attention: np.ndarray, labels: list[str]) -> SequenceExamples:
        """Return the same with the attention of a pair.

        Args:
            attention: float32 (written tokens, tokens of the input).
            labels: The tokens of the input, then those written.
        """
        return replace(
            self, attention=attention[:MOST_TOKENS, :MOST_TOKENS].astype(np.float32), labels=joined_lines(labels)
        )

    def is_whole(self) -> bool:
        count = len(self.ids)
        fits = self.attention.ndim == 2 and self.attended.shape == (1,)
        fits = fits and len(self.groups) == len(self.errors) == count <= EACH * len(GROUPS)
        fits = fits and len(lines_of(self.texts)) == 3 * count and bool(((self.groups >= 0) & (self.groups < 3)).all())
        fits = fits and len(lines_of(self.labels)) == (sum(self.attention.shape) if self.attention.size else 0)
        return fits and 0 <= int(self.attended[0]) < max(count, 1)


def chosen_pairs(predictions: SequencePredictions) -> SequenceExamples:
    """Choose pairs by the mean cross-entropy of their tokens."""
    sums = predictions.sums
    errors = sums[:, 0] / np.maximum(sums[:, 2], 1)
    order = np.argsort(-errors, kind="stable")
    middle = max((len(order) - EACH) // 2, 0)
    parts = (order[:EACH], order[middle : middle + EACH], order[::-1][:EACH])
    chosen, groups = [], []
    for number, part in enumerate(parts):
        for place in part.tolist():
            if place not in chosen:
                chosen.append(place)
                groups.append(number)
    written = predictions.written or [""] * len(predictions.ids)
    texts = [
        line for place in chosen for line in (predictions.inputs[place], predictions.wanted[place], written[place])
    ]
    typical = groups.index(1) if 1 in groups else 0
    nothing = np.zeros((0, 0), np.float32)
    return SequenceExamples(
        predictions.ids[chosen],
        np.array(groups, np.int32),
        errors[chosen],
        joined_lines(texts),
        nothing,
        joined_lines([]),
        np.array([typical], np.int32),
    )
