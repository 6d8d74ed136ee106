"""A running text that is small enough to train on in a test."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from deepcli.data.arrays.splits import Provenance, Split, Splits
from deepcli.data.arrays.text_windows import TextWindows, aligned_tokens
from deepcli.data.base import Dataset
from deepcli.data.schema import UNKNOWN_TOKEN, Schema, Target
from deepcli.data.signature import Signature

WINDOW = 12
VOCABULARY = (UNKNOWN_TOKEN, *"\n abcdef")
TEXT = Signature(
    "text",
    (WINDOW,),
    len(VOCABULARY),
    examples=24,
    vocabulary=len(VOCABULARY),
    target=Target(kind="tokens"),
    unscored=0,
)


class TinyText(Dataset):
    """A text of few characters."""

    type: Literal["tiny_text"] = "tiny_text"
    augmentation: None = None

    @property
    def signature(self) -> Signature:
        return TEXT

    @property
    def data_schema(self) -> Schema:
        counts = {"train": TEXT.examples}
        return Schema(
            source=self.type,
            kind="text",
            shape=TEXT.shape,
            target=Target(kind="tokens"),
            vocabulary=VOCABULARY,
            counts=counts,
        )

    def names_of(self, classes: int) -> list[str]:
        return list(VOCABULARY[:classes])

    def read(self, sources: Any) -> Any:
        raise NotImplementedError

    def load(self, sources: Any) -> Splits:
        train, validation, test = (text_split(count, seed) for seed, count in enumerate((48, 24, 24)))
        return Splits(train, validation, test, Provenance("nowhere", True, "0" * 64, "0" * 64))


TinyText.__module__ = "deepcli.data.tiny_text"  # compiled models with components from elsewhere are not reused


def text_split(count: int, seed: int = 0) -> Split:
    """Make windows of a text in which some characters follow others more often."""
    tokens = aligned_tokens(count * WINDOW + 1, np.dtype(np.uint8))
    rng = np.random.RandomState(seed)
    tokens[:] = 1 + (np.arange(len(tokens)) + rng.randint(0, 3, len(tokens))) % (len(VOCABULARY) - 1)
    return Split.of_text(TextWindows(tokens, range(0, count * WINDOW, WINDOW), WINDOW))
