"""The windows of a text that a model found hardest to predict, saved for reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from deepcli.evaluation.examples import MOST
from deepcli.evaluation.saved_examples import SavedExamples
from deepcli.evaluation.token_predictions import TokenPredictions

LONGEST = 512
"""Tokens that are saved of a window."""


@dataclass(frozen=True)
class TokenMistakes(SavedExamples):
    """The windows with the largest mean cross-entropy, the largest first.

    Attributes:
        ids: The windows' places in their split, int (windows,).
        tokens: The tokens that follow, int (windows, window).
        nats: Cross-entropy of each, negative where another token was likelier, NaN where it is not scored, float32.
        errors: Mean cross-entropy of each window in nats, float64 (windows,).
    """

    KINDS: ClassVar[str] = "iiff"

    ids: np.ndarray
    tokens: np.ndarray
    nats: np.ndarray
    errors: np.ndarray

    def fits(self, tokens: int) -> bool:
        return within(self.tokens, tokens)

    def is_whole(self) -> bool:
        lengths = {len(array) for array in vars(self).values()}
        fits = self.tokens.ndim == 2 and self.tokens.shape == self.nats.shape and self.errors.ndim == 1
        return fits and len(lengths) == 1 and len(self.ids) <= MOST


def within(tokens: np.ndarray, count: int) -> bool:
    """Return whether ids of tokens are from 0 to below `count`."""
    return bool(((tokens >= 0) & (tokens < count)).all())


def worst_windows(predictions: TokenPredictions) -> TokenMistakes:
    """Choose the windows with the largest mean cross-entropy; those without a scored token are left out."""
    counts = predictions.scored.sum(axis=1)
    errors = np.nansum(np.abs(predictions.nats), axis=1, dtype=np.float64) / np.maximum(counts, 1)
    chosen = np.argsort(np.where(counts > 0, -errors, np.inf), kind="stable")[: min(MOST, int((counts > 0).sum()))]
    return TokenMistakes(
        predictions.ids[chosen],
        predictions.tokens[chosen, :LONGEST],
        predictions.nats[chosen, :LONGEST],
        errors[chosen],
    )
