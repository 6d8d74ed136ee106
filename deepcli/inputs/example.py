"""One thing that a model is asked about, and how its reading is told of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Notify = Callable[[str], None]


@dataclass(frozen=True)
class Example:
    """An input of a model.

    Attributes:
        name: What to call it: its file, with a row's number where the file has many, or the text itself.
        x: uint8 (height, width, channels), or int32 token ids (length,).
    """

    name: str
    x: np.ndarray


@dataclass(frozen=True)
class Unreadable:
    """A row of a table or an array, or a page, that cannot be read.

    Attributes:
        name: As of an example.
        why: What to say, with the place.
    """

    name: str
    why: str


def collate(inputs: list[np.ndarray], length: int | None = None) -> np.ndarray:
    """Make one batch of a model's inputs.

    Args:
        inputs: uint8 (height, width, channels) each, or int32 token ids (length,) each.
        length: To which token ids are padded with 0; of longer ones the last are kept. None means the longest.

    Returns:
        (batch, height, width, channels), or (batch, length).
    """
    if inputs[0].ndim > 1:
        return np.stack(inputs)
    wide = length or max(1, *map(len, inputs))
    batch = np.zeros((len(inputs), wide), np.int32)
    for row, ids in zip(batch, inputs, strict=True):
        row[: min(len(ids), wide)] = ids[-wide:]
    return batch
