"""The inputs of a model after reading, and their batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Notify = Callable[[str], None]


@dataclass(frozen=True)
class Example:
    """An input of a model.

    Attributes:
        name: Its name in messages and results: its file, with a row number if the file has many, or the text itself.
        x: uint8 (height, width, channels), int32 token ids (length,), float32 (columns,) or float32 (steps, columns).
        steps: The times of a forecast's steps, as many as are asked for; empty for other answers.
        span: The first and the last time of a window that is given back; None for other inputs.
    """

    name: str
    x: np.ndarray
    steps: tuple[str, ...] = ()
    span: tuple[str, str] | None = None


@dataclass(frozen=True)
class Unreadable:
    """A row of a table or an array, or a page, that cannot be read.

    Attributes:
        name: Its name, as for an example.
        why: The error message, including the place.
    """

    name: str
    why: str


def collate(inputs: list[np.ndarray], length: int | None = None) -> np.ndarray:
    """Join inputs of a model into one batch.

    Args:
        inputs: uint8 (height, width, channels) each, int32 token ids (length,) each, or float32 (columns,) each.
        length: Length of the rows: shorter token ids are padded with 0, longer ones keep their last ids. None means the
            longest.

    Returns:
        (batch, height, width, channels), (batch, length) or (batch, columns).
    """
    if inputs[0].ndim > 1 or inputs[0].dtype.kind == "f":
        return np.stack(inputs)
    wide = length or max(1, *map(len, inputs))
    batch = np.zeros((len(inputs), wide), np.int32)
    for row, ids in zip(batch, inputs, strict=True):
        row[: min(len(ids), wide)] = ids[-wide:]
    return batch


def joined_outputs(parts: list[np.ndarray]) -> np.ndarray:
    """Join the outputs of batches; those of pairs are as wide as the longest target, with 0 behind shorter ones."""
    widest = max((part.shape[1] for part in parts if part.ndim > 2), default=0)
    if all(part.ndim < 3 or part.shape[1] == widest for part in parts):
        return np.concatenate(parts)
    return np.concatenate(
        [np.pad(part, [(0, 0), (0, widest - part.shape[1]), *([(0, 0)] * (part.ndim - 2))]) for part in parts]
    )
