"""A model's predictions on a split, with the labels, and the file that stores them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from deepcli.data.schema import TargetKind
from deepcli.evaluation import intervals
from deepcli.evaluation.predictions_base import AnyPredictions

if TYPE_CHECKING:
    from pathlib import Path

    from deepcli.data.arrays.splits import Inputs
    from deepcli.data.lexicon import Lexicon
    from deepcli.data.schema import Column
    from deepcli.evaluation.mistakes import Mistakes
    from deepcli.evaluation.paired import PairedBase

ROUNDING = 1e-5
"""How far from 1 the sum of a float32 softmax may be."""


@dataclass(frozen=True)
class Predictions(AnyPredictions):
    """A classifier's outputs on a split.

    Attributes:
        ids: The examples' places in the official split, int (examples,).
        labels: Class numbers, int (examples,).
        probabilities: The model's outputs, float32 (examples, units). A single unit is for class 1 of two; otherwise
            there is one per class. Their meaning depends on the loss; for most losses they are probabilities.
    """

    KIND: ClassVar[TargetKind] = "classes"
    ARRAYS: ClassVar[tuple[str, ...]] = ("ids", "labels", "probabilities")
    CALLED: ClassVar[str] = "a classifier's predictions"
    MERIT: ClassVar[str] = "accuracy"

    labels: np.ndarray
    probabilities: np.ndarray

    @property
    def by_example(self) -> tuple[str, ...]:
        return "ids", "labels", "probabilities"

    @property
    def truth(self) -> np.ndarray:
        return self.labels

    @property
    def merit(self) -> float:
        return self.accuracy

    @property
    def accuracy(self) -> float:
        """The share of examples whose answer is right."""
        return float((self.answers == self.labels).mean())

    @property
    def accuracy_interval(self) -> intervals.Interval:
        """The exact interval of the accuracy."""
        return intervals.clopper_pearson(int((self.answers == self.labels).sum()), len(self.labels))

    @property
    def misfit(self) -> str | None:
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

    @property
    def averaged(self) -> np.ndarray:
        """The classes that count in a mean over classes: all of them, int (classes,)."""
        return np.arange(self.classes)

    def resampled(self, figure: Callable[..., np.ndarray]) -> intervals.Interval | None:
        """Return the bootstrap interval of a score; None if all resamples agree.

        Args:
            figure: Takes the numbers of examples of each class that are right, of the class, and predicted as the class,
                each (resamples, classes), and returns the scores (resamples,).
        """
        return intervals.resampled_counts(self.confusion, lambda drawn: figure(*sides(drawn)))

    def too_few(self, every_class: bool = False) -> str | None:
        right = int((self.answers == self.labels).sum())
        fewest, kind = min((len(self.labels) - right, "wrong"), (right, "right"))
        if fewest < intervals.FEWEST:
            return f"{fewest} {kind} answer{'s' * (fewest != 1)}, {intervals.FEWEST} needed"
        count, label = min((count, label) for label, count in enumerate(self.support.tolist()))
        if every_class and count < intervals.FEWEST:
            return f"{count} example{'s' * (count != 1)} of class {label}, {intervals.FEWEST} needed"
        return None

    def worst(self, x: Inputs, lexicon: Lexicon | None, columns: Sequence[Column] = ()) -> Mistakes:
        from deepcli.evaluation.mistakes import worst

        return worst(self, x, lexicon, columns)

    @classmethod
    def load_worst(cls, path: Path) -> Mistakes:
        from deepcli.evaluation.mistakes import Mistakes

        return Mistakes.load(path)

    def tables(self) -> dict[str, Any]:
        from deepcli.evaluation.tables import per_class

        return {"classes": per_class(self), "confusion_matrix": self.confusion.tolist()}

    def paired(self, second: Any) -> PairedBase:
        from deepcli.evaluation.paired import paired

        return paired(self, second)


def sides(confusions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the diagonals, the sums of rows and of columns of confusion matrices, (matrices, classes) each."""
    right, true, said = (np.einsum(how, confusions) for how in ("nii->ni", "nij->ni", "nji->ni"))
    return right, true, said


def by_class(outputs: np.ndarray) -> np.ndarray:
    """Return outputs with a column for each class, float64 (examples, classes); a single unit p becomes 1-p, p."""
    outputs = outputs.astype(np.float64)
    return np.hstack([1 - outputs, outputs]) if outputs.shape[1] == 1 else outputs
