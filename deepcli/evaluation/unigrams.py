"""What each token of a text costs if only its frequency in training is known."""

from __future__ import annotations

import numpy as np

AT_ONCE = 1 << 22
"""Tokens that are counted or looked up at a time, so that views of a large text are not copied whole."""


def count_tokens_of(targets: np.ndarray, vocabulary: int) -> np.ndarray:
    """Count the tokens of windows, int (vocabulary,).

    Args:
        targets: int (windows, window).
        vocabulary: Number of different tokens.
    """
    counts = np.zeros(vocabulary, np.int64)
    rows = max(AT_ONCE // max(targets.shape[1], 1), 1)
    for begin in range(0, len(targets), rows):
        counts += np.bincount(targets[begin : begin + rows].ravel(), minlength=vocabulary)
    return counts


def unigram_nats(train: np.ndarray, targets: np.ndarray, vocabulary: int, unscored: int | None) -> np.ndarray:
    """Return the cross-entropy of each token by its share in training, signed as in `TokenPredictions`.

    One is added to each count, so that a token that training lacks is improbable and not impossible (Laplace).

    Args:
        train: Targets of the training split, int (windows, window).
        targets: Those to predict, int (windows, window).
        vocabulary: Number of different tokens.
        unscored: The id of tokens that are not scored.
    """
    counts = count_tokens_of(train, vocabulary) + 1
    if unscored is not None:
        counts[unscored] = 0
    with np.errstate(divide="ignore"):
        nats = -np.log(counts / counts.sum()).astype(np.float32)
    signed = -nats
    signed[int(counts.argmax())] *= -1
    if unscored is not None:
        signed[unscored] = np.nan
    found: np.ndarray = signed[targets]
    return found
