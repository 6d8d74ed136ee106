"""Examples by what they hold, so that equal ones are recognized."""

from __future__ import annotations

import hashlib

import numpy as np

from deepcli.data.arrays.splits import Inputs, Split, Tokens


def marks(x: Inputs) -> list[str]:
    """Return a mark of each input: equal inputs have equal marks, whatever they are padded with."""
    if isinstance(x, Tokens):
        return [_mark(_unpadded(ids)) for ids in x.sequences()]
    return [_mark(np.asarray(x[place])) for place in range(len(x))]


def batch_marks(x: np.ndarray) -> list[str]:
    """Return the marks of a batch as the pipeline makes it, where sequences are padded with 0 on the right."""
    if x.ndim == 2 and x.dtype.kind in "iu":
        return [_mark(_unpadded(row)) for row in x]
    return [_mark(row) for row in x]


def groups(*splits: Split) -> list[np.ndarray]:
    """Return for each split the number of the content of each example; equal inputs have one number."""
    known: dict[str, int] = {}
    return [np.array([known.setdefault(mark, len(known)) for mark in marks(split.x)], np.int64) for split in splits]


def first_of_each(split: Split) -> np.ndarray:
    """Return the place of the first example of each content."""
    (numbers,) = groups(split)
    places: np.ndarray = np.sort(np.unique(numbers, return_index=True)[1])
    return places


def _unpadded(ids: np.ndarray) -> np.ndarray:
    return np.trim_zeros(ids, "b")


def _mark(values: np.ndarray) -> str:
    return hashlib.sha1(np.ascontiguousarray(values).tobytes(), usedforsecurity=False).hexdigest()
