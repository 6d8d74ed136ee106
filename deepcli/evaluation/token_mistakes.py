"""The windows of a text that a model found hardest to predict, saved for reports."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from deepcli.errors import DataError
from deepcli.evaluation.examples import MOST
from deepcli.evaluation.token_predictions import TokenPredictions
from deepcli.system.atomic import replacing

LONGEST = 512
"""Tokens that are saved of a window."""


@dataclass(frozen=True)
class TokenMistakes:
    """The windows with the largest mean cross-entropy, the largest first.

    Attributes:
        ids: The windows' places in their split, int (windows,).
        tokens: The tokens that follow, int (windows, window).
        nats: Cross-entropy of each, negative where another token was likelier, NaN where it is not scored, float32.
        errors: Mean cross-entropy of each window in nats, float64 (windows,).
    """

    ids: np.ndarray
    tokens: np.ndarray
    nats: np.ndarray
    errors: np.ndarray

    def fits(self, tokens: int) -> bool:
        """Return whether the file can be of a model with this number of tokens."""
        return within(self.tokens, tokens)

    def save(self, path: Path) -> None:
        """Write an `.npz` file with the four arrays.

        Raises:
            TrainingError: The file cannot be written.
        """
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **vars(self))

    @classmethod
    def load(cls, path: Path) -> TokenMistakes:
        """Read a file that `save` wrote; nothing in it is executed.

        Raises:
            DataError: The file is damaged, or not such a file.
        """
        from deepcli.data.arrays.archive import read_npz

        found = cls(**read_npz(path, tuple(one.name for one in fields(cls))))
        kinds = "".join(array.dtype.kind for array in vars(found).values()).replace("u", "i")
        lengths = {len(array) for array in vars(found).values()}
        fits = found.tokens.ndim == 2 and found.tokens.shape == found.nats.shape and found.errors.ndim == 1
        if not fits or len(lengths) > 1 or len(found.ids) > MOST or kinds != "iiff":
            raise DataError(f"{path} is not a mistakes file written by deepcli")
        return found


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
