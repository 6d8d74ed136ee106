"""Order of training examples: it depends on seed and epoch alone, so that a run can be repeated and resumed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepcli.data.arrays.splits import Inputs, Tokens, generator

WINDOW = 64
"""Sequences are sorted by length within this many batches: enough to pad little, too few to undo the shuffle."""


@dataclass(frozen=True)
class Order:
    """Order of the examples of a split in each epoch.

    Attributes:
        examples: Number of examples.
        batch_size: Examples per step; the last step of an epoch may have fewer.
        seed: Seed of all permutations.
        lengths: Length of each sequence, so that sequences of similar length share a batch; None for images.
    """

    examples: int
    batch_size: int
    seed: int
    lengths: np.ndarray | None = None

    @property
    def steps(self) -> int:
        """Steps per epoch."""
        return -(-self.examples // self.batch_size)

    def epoch(self, epoch: int) -> np.ndarray:
        """Return the positions of all examples in an epoch's order, int64; step i takes the i-th `batch_size` of them."""
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


def by_size(x: Inputs) -> np.ndarray:
    """Return the positions of inputs, sequences of similar length together, for batches whose order does not matter."""
    return np.argsort(x.sizes, kind="stable") if isinstance(x, Tokens) else np.arange(len(x))
