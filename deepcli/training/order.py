"""The order of training examples: a function of seed and epoch alone, so that a run can be repeated and resumed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepcli.data.arrays.splits import generator

WINDOW = 64
"""Batches among which sequences are sorted by length: enough to pad little, too few to lose the shuffle."""


@dataclass(frozen=True)
class Order:
    """How epochs go through a split.

    Attributes:
        examples: How many there are.
        batch_size: How many make a step; the last step of an epoch may have fewer.
        seed: Of all permutations.
        lengths: Of each sequence, to put those of like length into one batch; None for images.
    """

    examples: int
    batch_size: int
    seed: int
    lengths: np.ndarray | None = None

    @property
    def steps(self) -> int:
        """Steps of one epoch."""
        return -(-self.examples // self.batch_size)

    def epoch(self, epoch: int) -> np.ndarray:
        """Return the positions of all examples in an epoch's order, int64; step i is its i-th `batch_size` of them."""
        rng = generator(self.seed, 0x0DE7, epoch)
        order = rng.permutation(self.examples)
        if self.lengths is None:
            return order
        window = WINDOW * self.batch_size
        parts = [order[start : start + window] for start in range(0, self.examples, window)]
        by_length = np.concatenate([part[np.argsort(self.lengths[part], kind="stable")] for part in parts])
        whole = self.examples // self.batch_size
        batches = by_length[: whole * self.batch_size].reshape(whole, self.batch_size)
        return np.concatenate([batches[rng.permutation(whole)].ravel(), by_length[whole * self.batch_size :]])
