"""A model's predictions on a split, with the labels, and the file that stores them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from deepcli.errors import DataError

ROUNDING = 1e-5
"""How far from 1 the sum of a float32 softmax may be."""


@dataclass(frozen=True)
class Predictions:
    """A classifier's outputs on a split.

    Attributes:
        ids: The examples' places in the official split, int (examples,).
        labels: Class numbers, int (examples,).
        probabilities: The model's outputs, float32 (examples, units). A single unit is for class 1 of two; otherwise
            there is one per class. Their meaning depends on the loss; for most losses they are probabilities.
    """

    ids: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray

    @classmethod
    def load(cls, path: Path) -> Predictions:
        """Read a file that `save` wrote; nothing in the file is executed.

        Raises:
            DataError: The file is missing, damaged or of another kind.
        """
        from deepcli.data.arrays.archive import read_npz

        loaded = cls(**read_npz(path, ("ids", "labels", "probabilities")))
        if why := loaded.misfit:
            raise DataError(f"{path}: is not a file of a classifier's predictions: {why}")
        return loaded

    def save(self, path: Path) -> None:
        """Write an `.npz` file with the three arrays."""
        write: Callable[..., None] = np.savez_compressed
        write(path, ids=self.ids, labels=self.labels, probabilities=self.probabilities)

    @property
    def misfit(self) -> str | None:
        """Why labels and outputs do not match; None if they do."""
        shapes = (self.ids.shape, self.labels.shape, self.probabilities.shape[:1])
        kinds = self.ids.dtype.kind + self.labels.dtype.kind + self.probabilities.dtype.kind
        if kinds.replace("u", "i") != "iif":
            return "ids and labels should be integers, probabilities floats"
        if self.probabilities.ndim != 2 or len(set(shapes)) > 1 or 0 in self.probabilities.shape:
            return f"the shapes are {', '.join(map(str, (*shapes[:2], self.probabilities.shape)))}"
        low, high, units = self.labels.min(), self.labels.max(), self.probabilities.shape[1]
        if low < 0 or high >= self.classes:
            return f"labels are from {low} to {high}, but outputs have {units} unit{'s' * (units > 1)}"
        return None

    @property
    def classes(self) -> int:
        """Number of classes."""
        return max(2, int(self.probabilities.shape[1]))

    @cached_property
    def support(self) -> np.ndarray:
        """Number of examples of each class, int (classes,)."""
        return np.bincount(self.labels, minlength=self.classes)

    @cached_property
    def by_class(self) -> np.ndarray:
        """The outputs with a column for each class, float64 (examples, classes)."""
        return by_class(self.probabilities)

    @cached_property
    def answers(self) -> np.ndarray:
        """The most likely class of each example, int (examples,); the first of equal ones."""
        answers: np.ndarray = self.by_class.argmax(axis=1)
        return answers

    @cached_property
    def confusion(self) -> np.ndarray:
        """Number of examples by label (row) and predicted class (column), int (classes, classes)."""
        cells = self.labels.astype(np.int64) * self.classes + self.answers
        return np.bincount(cells, minlength=self.classes**2).reshape(self.classes, self.classes)

    @cached_property
    def distribution(self) -> np.ndarray | None:
        """The probability of each class, float64 (examples, classes), without rounding errors; None if outputs are not probabilities."""
        if not (self.by_class >= 0).all():
            return None
        sums = self.by_class.sum(axis=1, keepdims=True)
        return self.by_class / sums if (np.abs(sums - 1) <= ROUNDING).all() else None


def by_class(outputs: np.ndarray) -> np.ndarray:
    """Return outputs with a column for each class, float64 (examples, classes); a single unit p becomes 1-p, p."""
    outputs = outputs.astype(np.float64)
    return np.hstack([1 - outputs, outputs]) if outputs.shape[1] == 1 else outputs
