"""What a model says of the examples of a split, beside their labels, and the file that keeps it."""

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
        probabilities: The model's outputs, float32 (examples, units). A single unit is that of class 1 of two; else
            there is one a class. What they are depends on the loss: most want probabilities.
    """

    ids: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray

    @classmethod
    def load(cls, path: Path) -> Predictions:
        """Read what `save` wrote; nothing in the file is executed.

        Raises:
            DataError: It is missing, damaged or something else.
        """
        from deepcli.data.arrays.archive import read_npz

        loaded = cls(**read_npz(path, ("ids", "labels", "probabilities")))
        if why := loaded.misfit:
            raise DataError(f"{path}: holds no predictions of a classifier: {why}")
        return loaded

    def save(self, path: Path) -> None:
        """Write an `.npz` file with the three arrays."""
        write: Callable[..., None] = np.savez_compressed
        write(path, ids=self.ids, labels=self.labels, probabilities=self.probabilities)

    @property
    def misfit(self) -> str | None:
        """Why labels and outputs do not go together; None where they do."""
        shapes = (self.ids.shape, self.labels.shape, self.probabilities.shape[:1])
        kinds = self.ids.dtype.kind + self.labels.dtype.kind + self.probabilities.dtype.kind
        if kinds.replace("u", "i") != "iif":
            return "ids and labels should be integers, probabilities floats"
        if self.probabilities.ndim != 2 or len(set(shapes)) > 1 or 0 in self.probabilities.shape:
            return f"the shapes are {', '.join(map(str, (*shapes[:2], self.probabilities.shape)))}"
        low, high, units = self.labels.min(), self.labels.max(), self.probabilities.shape[1]
        if low < 0 or high >= self.classes:
            return f"there are labels from {low} to {high}, and outputs of {units} unit{'s' * (units > 1)}"
        return None

    @property
    def classes(self) -> int:
        """Number of classes."""
        return max(2, int(self.probabilities.shape[1]))

    @cached_property
    def support(self) -> np.ndarray:
        """How many examples each class has, int (classes,)."""
        return np.bincount(self.labels, minlength=self.classes)

    @cached_property
    def by_class(self) -> np.ndarray:
        """The outputs with a column for each class, float64 (examples, classes)."""
        return by_class(self.probabilities)

    @cached_property
    def answers(self) -> np.ndarray:
        """The likeliest class of each example, int (examples,); of equal ones the first."""
        answers: np.ndarray = self.by_class.argmax(axis=1)
        return answers

    @cached_property
    def confusion(self) -> np.ndarray:
        """How many examples of each label (row) are predicted as each class (column), int (classes, classes)."""
        cells = self.labels.astype(np.int64) * self.classes + self.answers
        return np.bincount(cells, minlength=self.classes**2).reshape(self.classes, self.classes)

    @cached_property
    def distribution(self) -> np.ndarray | None:
        """The probability of each class, float64 (examples, classes), rounding made up for; None if they are none."""
        if not (self.by_class >= 0).all():
            return None
        sums = self.by_class.sum(axis=1, keepdims=True)
        return self.by_class / sums if (np.abs(sums - 1) <= ROUNDING).all() else None


def by_class(outputs: np.ndarray) -> np.ndarray:
    """Give outputs a column for each class, float64 (examples, classes); of a single unit p they are 1-p, p."""
    outputs = outputs.astype(np.float64)
    return np.hstack([1 - outputs, outputs]) if outputs.shape[1] == 1 else outputs
