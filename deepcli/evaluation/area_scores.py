"""Scores of the order of a classifier's outputs: the areas under two curves."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from deepcli.evaluation import intervals
from deepcli.evaluation.class_scores import without_examples
from deepcli.evaluation.intervals import Interval
from deepcli.evaluation.scores import SCORES, Score, thin

if TYPE_CHECKING:
    import numpy as np

    from deepcli.evaluation.predictions import Predictions

Changes = Callable[["np.ndarray", "np.ndarray"], "tuple[np.ndarray, np.ndarray]"]
"""The derivatives of an area by the examples of a class, and by others, in each group of equal outputs."""


class AreaUnderCurve(Score):
    """The area under a curve for class 1 of two; for more classes, the mean of each against the rest."""

    AREA: ClassVar[str]
    METHOD: ClassVar[str] = intervals.AREA

    def measure(self, predictions: Predictions) -> float:
        import numpy as np
        from sklearn import metrics

        if not predictions.support.all() or not np.isfinite(predictions.by_class).all():
            return math.nan
        area = getattr(metrics, self.AREA)
        return float(
            np.mean([area(predictions.labels == k, predictions.by_class[:, k]) for k in self._classes(predictions)])
        )

    def interval(self, predictions: Predictions) -> Interval | str | None:
        import numpy as np

        if why := thin(predictions, every_class=True):
            return why
        influences = np.mean([self._influence(predictions, k) for k in self._classes(predictions)], axis=0)
        found = intervals.on_logit_scale(self.measure(predictions), float(np.sqrt((influences**2).sum())))
        return found or "the outputs separate the classes perfectly, or not at all"

    @staticmethod
    def _classes(predictions: Predictions) -> Sequence[int]:
        return [1] if predictions.classes == 2 else range(predictions.classes)

    def _influence(self, predictions: Predictions, label: int) -> np.ndarray:
        return influence(predictions.labels == label, predictions.by_class[:, label], self._changes)

    @abstractmethod
    def _changes(self, hits: np.ndarray, misses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the derivatives of the area by the examples of the class, and by others, in each group.

        Args:
            hits: Examples of the class by group, those with the largest output first.
            misses: Examples of other classes by group.
        """


@SCORES.register
class RocAuc(AreaUnderCurve):
    """Area under the ROC curve: 1 orders classes perfectly, 0.5 is guessing; mean over classes if there are more than two.

    NaN if a class has no examples. The metric `auc` approximates it during training.
    """

    type: Literal["roc_auc"] = "roc_auc"
    AREA: ClassVar[str] = "roc_auc_score"

    def _changes(self, hits: np.ndarray, misses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        import numpy as np

        below = misses.sum() - np.cumsum(misses) + misses / 2
        above = np.cumsum(hits) - hits / 2
        area = (hits * below).sum() / hits.sum() / misses.sum()
        return (below / misses.sum() - area) / hits.sum(), (above / hits.sum() - area) / misses.sum()


@SCORES.register
class PrAuc(AreaUnderCurve):
    """Area under the precision-recall curve, as average precision, 0 to 1; the mean over classes if there are more than two.

    NaN if a class has no examples.
    """

    type: Literal["pr_auc"] = "pr_auc"
    AREA: ClassVar[str] = "average_precision_score"

    def _changes(self, hits: np.ndarray, misses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return precision_changes(hits, misses)


@SCORES.register
class AveragePrecision(PrAuc):
    """Average precision of class 1 of two, 0 to 1; with more classes, the mean over those that have examples.

    It is scikit-learn's. Precision at each step of recall, weighted by the step: the area under the precision-recall curve without interpolation.
    Equals `pr_auc` where every class has examples; classes without any are left out, and the note on the interval counts
    them. A model that knows nothing scores the share of class 1.
    """

    type: Literal["average_precision"] = "average_precision"  # type: ignore[assignment]

    def measure(self, predictions: Predictions) -> float:
        import numpy as np

        present = np.flatnonzero(predictions.support)
        if len(present) < 2 or not np.isfinite(predictions.by_class).all():
            return math.nan
        chosen = [k for k in self._classes(predictions) if k in present]
        return float(np.mean([average_precision(predictions.labels == k, predictions.by_class[:, k]) for k in chosen]))

    def remark(self, predictions: Predictions) -> str:
        return without_examples(predictions)


def average_precision(positive: np.ndarray, outputs: np.ndarray) -> float:
    """Return the area under the precision-recall curve of one class or label, as average precision."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(positive, outputs))


def influence(positive: np.ndarray, outputs: np.ndarray, changes: Changes) -> np.ndarray:
    """Return how much one more of each example would change the area of a class, float (examples,).

    Args:
        positive: Whether an example is of the class, bool (examples,).
        outputs: The model's output for the class, float (examples,).
        changes: Takes examples of the class and others by group, those with the largest output first, and returns the
            derivatives of the area by them.
    """
    import numpy as np

    # One group for each distinct output, the largest first.
    _, group = np.unique(-outputs, return_inverse=True)
    hits, misses = (np.bincount(group, chosen, group.max() + 1) for chosen in (positive, ~positive))
    of_hits, of_misses = changes(hits, misses)
    each: np.ndarray = np.where(positive, of_hits[group], of_misses[group])
    return each


def precision_changes(hits: np.ndarray, misses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the derivatives of average precision by the examples of the class, and by others, in each group.

    Args:
        hits: Examples of the class by group, those with the largest output first.
        misses: Examples of other classes by group.
    """
    import numpy as np

    found, chosen = np.cumsum(hits), np.cumsum(hits + misses)
    precision, shares = found / chosen, hits / hits.sum()

    def later(values: np.ndarray) -> np.ndarray:
        """Sum the changes in precision of a group and all after it."""
        return np.cumsum((shares * values)[::-1])[::-1]

    area = (shares * precision).sum()
    of_hits = (precision - area) / hits.sum() + later((1 - precision) / chosen)
    return of_hits, later(-precision / chosen)
