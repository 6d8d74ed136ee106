"""Predicted labels, of which an example may have any number, with the true ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
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
    from deepcli.evaluation.other_mistakes import LabelMistakes
    from deepcli.evaluation.paired_labels import PairedLabels

THRESHOLD = 0.5


@dataclass(frozen=True)
class LabelPredictions(AnyPredictions):
    """The probabilities of several labels for each example of a split.

    Attributes:
        ids: The examples' places in the official split, int (examples,).
        labels: 1 for each label that an example has and 0 for the others, int (examples, labels).
        probabilities: The model's outputs, float32 (examples, labels).
        thresholds: The probability from which each label is given, float (labels,); 0.5 if nothing else is passed.
    """

    KIND: ClassVar[TargetKind] = "labels"
    ARRAYS: ClassVar[tuple[str, ...]] = ("ids", "labels", "probabilities", "thresholds")
    CALLED: ClassVar[str] = "predicted labels"
    MERIT: ClassVar[str] = "micro F1"

    labels: np.ndarray
    probabilities: np.ndarray
    thresholds: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        """Set the thresholds that are not passed to 0.5."""
        if not self.thresholds.size and self.probabilities.ndim == 2:
            object.__setattr__(self, "thresholds", np.full(self.probabilities.shape[1], THRESHOLD, np.float32))

    @property
    def by_example(self) -> tuple[str, ...]:
        return "ids", "labels", "probabilities"

    @property
    def misfit(self) -> str | None:
        kinds = "".join(array.dtype.kind for array in (self.ids, self.labels, self.probabilities, self.thresholds))
        if kinds.replace("u", "i") != "iiff":
            return "ids and labels should be integers, probabilities and thresholds floats"
        shapes = [array.shape for array in (self.ids, self.labels, self.probabilities, self.thresholds)]
        if self.labels.ndim != 2 or shapes[1] != shapes[2] or shapes[0] + shapes[3] != shapes[1] or 0 in shapes[1]:
            return f"the shapes are {', '.join(map(str, shapes))}"
        if self.labels.min() < 0 or self.labels.max() > 1:
            return f"labels should be 0 or 1, not {self.labels.min()} to {self.labels.max()}"
        if not ((self.probabilities >= 0) & (self.probabilities <= 1)).all():
            return "outputs are not probabilities from 0 to 1"
        return None if np.isfinite(self.thresholds).all() else "some thresholds are not finite numbers"

    @property
    def merit(self) -> float:
        right, true, said = (int(part.sum()) for part in self.tallies)
        return 2 * right / max(true + said, 1)

    @property
    def truth(self) -> np.ndarray:
        return self.labels

    @cached_property
    def answers(self) -> np.ndarray:
        """The labels that are given, uint8 (examples, labels): their probability reaches the threshold."""
        return (self.probabilities >= self.thresholds).astype(np.uint8)

    @cached_property
    def right(self) -> np.ndarray:
        """Whether an example is given exactly its labels, bool (examples,)."""
        right: np.ndarray = (self.answers == self.labels).all(axis=1)
        return right

    @cached_property
    def support(self) -> np.ndarray:
        """Number of examples with each label, int (labels,)."""
        support: np.ndarray = self.labels.sum(axis=0, dtype=np.int64)
        return support

    @property
    def averaged(self) -> np.ndarray:
        """The labels that count in a mean over labels: those that an example of the split has, int (present,)."""
        return np.flatnonzero(self.support)

    @cached_property
    def tallies(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Whether a label is rightly given, true, and given, uint8 (examples, labels) each."""
        labels = self.labels.astype(np.uint8)
        return labels & self.answers, labels, self.answers

    def resampled(self, figure: Any) -> intervals.Interval | None:
        """Return the bootstrap interval of a score; None if all resamples agree.

        Args:
            figure: Takes the numbers of examples for which a label is rightly given, true, and given, each
                (resamples, labels), and returns the scores (resamples,).
        """
        joined = np.concatenate(self.tallies, axis=1).astype(np.float32)
        count = self.labels.shape[1]
        return intervals.resampled_sums(joined, lambda sums: figure(*np.split(sums, [count, 2 * count], axis=1)))

    def too_few(self, every_class: bool = False) -> str | None:
        right, true, said = (int(part.sum()) for part in self.tallies)
        fewest, kind = min((true + said - 2 * right, "wrong"), (right, "right"))
        if fewest < intervals.FEWEST:
            return f"{fewest} {kind} label{'s' * (fewest != 1)}, {intervals.FEWEST} needed"
        count, label = min((int(self.support[k]), int(k)) for k in self.averaged)
        if every_class and count < intervals.FEWEST:
            return f"{count} example{'s' * (count != 1)} of label {label}, {intervals.FEWEST} needed"
        return None

    def worst(self, x: Inputs, lexicon: Lexicon | None, columns: Sequence[Column] = ()) -> LabelMistakes:
        from deepcli.evaluation.other_mistakes import worst_labels

        return worst_labels(self, x, lexicon, columns)

    @classmethod
    def load_worst(cls, path: Path) -> LabelMistakes:
        from deepcli.evaluation.other_mistakes import LabelMistakes

        return LabelMistakes.load(path)

    def tables(self) -> dict[str, Any]:
        from deepcli.evaluation.tables import per_label

        return {"labels": per_label(self)}

    def paired(self, second: LabelPredictions) -> PairedLabels:
        from deepcli.evaluation.paired_labels import paired_labels

        return paired_labels(self, second)
