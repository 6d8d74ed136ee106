"""Pairs of texts that are small enough to train on in a test."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from deepcli.data.arrays.encoded_pairs import PairRows, flat, padded
from deepcli.data.arrays.splits import Provenance, Split, Splits
from deepcli.data.base import Dataset
from deepcli.data.schema import PAIR_RESERVED, Schema, Target
from deepcli.data.signature import Signature

LONGEST, LONGEST_TARGET = 7, 6
SOURCE_WORDS, TARGET_WORDS = (*PAIR_RESERVED, *"abcdef"), (*PAIR_RESERVED, *"uvwxyz!")
PAIRS = Signature(
    "pairs",
    (LONGEST, LONGEST_TARGET),
    len(TARGET_WORDS),
    examples=24,
    vocabulary=len(SOURCE_WORDS),
    target=Target(kind="sequence", names=TARGET_WORDS),
)


class TinyPairs(Dataset):
    """Pairs of few signs."""

    type: Literal["tiny_pairs"] = "tiny_pairs"
    augmentation: None = None

    @property
    def signature(self) -> Signature:
        return PAIRS

    @property
    def data_schema(self) -> Schema:
        return Schema(
            source=self.type,
            kind="pairs",
            shape=PAIRS.shape,
            target=PAIRS.predicted,
            vocabulary=SOURCE_WORDS,
            counts={"train": PAIRS.examples},
        )

    def names_of(self, classes: int) -> list[str]:
        return list(TARGET_WORDS[:classes])

    def read(self, sources: Any) -> Any:
        raise NotImplementedError

    def load(self, sources: Any) -> Splits:
        train, validation, test = (pair_split(count, seed) for seed, count in enumerate((48, 24, 24)))
        return Splits(train, validation, test, Provenance("nowhere", True, "0" * 64, "0" * 64))


TinyPairs.__module__ = "deepcli.data.tiny_pairs"  # compiled models with components from elsewhere are not reused


def pair_split(count: int, seed: int = 0) -> Split:
    """Make pairs whose targets are the inputs backwards, without their first sign, in another alphabet."""
    rng = np.random.RandomState(seed)
    inputs = [rng.randint(4, len(SOURCE_WORDS), rng.randint(2, LONGEST)).tolist() for _ in range(count)]
    outputs = [[*ids[:0:-1], 3] for ids in inputs]
    rows = [[*ids, 3, 1, *output[:-1]] for ids, output in zip(inputs, outputs, strict=True)]
    return Split(
        PairRows(flat(rows), np.cumsum([0, *map(len, rows)])), padded(outputs, LONGEST_TARGET), np.arange(count)
    )
