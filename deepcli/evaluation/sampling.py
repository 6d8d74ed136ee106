"""Drawing the next token from logits: by temperature, among the likeliest ones, by a seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Sampling:
    """How the next token is drawn.

    Attributes:
        temperature: What logits are divided by; 0 always takes the likeliest token.
        top_k: Draw among this number of the likeliest tokens; None for all.
        top_p: Draw among the likeliest tokens that together have this probability (Holtzman et al. 2020); None for all.
        forbidden: Tokens that are never drawn.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    forbidden: Sequence[int] = ()

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Return the probability of each token, float64 (vocabulary,).

        Args:
            logits: The model's logits, float (vocabulary,).
        """
        logits = logits.astype(np.float64)
        logits[list(self.forbidden)] = -np.inf
        if self.temperature == 0:
            sure = np.zeros(len(logits))
            sure[int(logits.argmax())] = 1
            return sure
        shares = np.exp((logits - logits.max()) / self.temperature)
        shares /= shares.sum()
        order = np.argsort(-shares, kind="stable")
        kept = len(order) if self.top_k is None else min(self.top_k, len(order))
        if self.top_p is not None:
            # The token that reaches the probability counts, so that there always is one.
            before = np.cumsum(shares[order]) - shares[order]
            kept = min(kept, max(int((before < self.top_p).sum()), 1))
        shares[order[kept:]] = 0
        found: np.ndarray = shares / shares.sum()
        return found

    def draw(self, logits: np.ndarray, rng: np.random.RandomState) -> int:
        """Draw a token; one number of the generator is used for each, so that equal seeds draw equal tokens."""
        chosen = int(np.searchsorted(np.cumsum(self.probabilities(logits)), rng.random_sample(), side="right"))
        return min(chosen, len(logits) - 1)
