"""Scores that `deepcli evaluate` computes for every run.

A score is NaN if the split cannot determine it: a class has no examples, an area or correlation has only one class, or
calibration gets outputs that are not probabilities. A bad prediction is a number: the precision of a class that is never
predicted is 0. Among equal outputs the first class is predicted, as in `predict`; areas count ties as one half.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from deepcli.evaluation import intervals
from deepcli.evaluation.intervals import Interval
from deepcli.result import ClassFigures
from deepcli.spec.fields import Positive
from deepcli.spec.registry import Component, Registry

if TYPE_CHECKING:
    import numpy as np

    from deepcli.evaluation.predictions import Predictions


class Score(Component):
    """A score of predictions; its name is its type. A metric of that name in the spec takes precedence.

    Specs do not name scores, so each field needs a default.

    Attributes:
        METHOD: How its 95 % intervals are computed.
    """

    METHOD: ClassVar[str] = ""

    @abstractmethod
    def measure(self, predictions: Predictions) -> float:
        """Return the score; NaN if it is undefined."""

    def interval(self, predictions: Predictions) -> Interval | str | None:
        """Return the 95 % interval, a text that says why there is no reliable one, or None for a score without intervals."""
        return None


def thin(predictions: Predictions, every_class: bool = False) -> str | None:
    """Describe why there are too few predictions for an interval by resampling; None if there are enough.

    Args:
        predictions: Predictions on a split.
        every_class: Whether all classes have the same weight, so that each needs enough examples.
    """
    right = int((predictions.answers == predictions.labels).sum())
    fewest, kind = min((len(predictions.labels) - right, "wrong"), (right, "right"))
    if fewest < intervals.FEWEST:
        return f"{fewest} {kind} answer{'s' * (fewest != 1)}, {intervals.FEWEST} needed"
    count, label = min((count, label) for label, count in enumerate(predictions.support.tolist()))
    if every_class and count < intervals.FEWEST:
        return f"{count} example{'s' * (count != 1)} of class {label}, {intervals.FEWEST} needed"
    return None


SAME = "all resamples give the same value"

SCORES: Registry[Score] = Registry("scores")


@SCORES.register
class Accuracy(Score):
    """Fraction of examples whose most likely class is the label, with an exact 95 % interval (Clopper-Pearson)."""

    type: Literal["accuracy"] = "accuracy"
    METHOD: ClassVar[str] = intervals.EXACT

    def measure(self, predictions: Predictions) -> float:
        return float((predictions.answers == predictions.labels).mean())

    def interval(self, predictions: Predictions) -> Interval:
        return intervals.clopper_pearson(
            int((predictions.answers == predictions.labels).sum()), len(predictions.labels)
        )


class Average(Score):
    """Precision, recall or F1, averaged over the classes; the name says which one, and how."""

    type: Literal["precision_macro", "precision_weighted", "recall_macro", "recall_weighted", "f1_macro", "f1_weighted"]
    METHOD: ClassVar[str] = intervals.BOOTSTRAP

    def measure(self, predictions: Predictions) -> float:
        figure, average = self.type.split("_")
        if average == "macro" and not predictions.support.all():
            return math.nan
        from sklearn import metrics

        measure = getattr(metrics, f"{figure}_score")
        classes = range(predictions.classes)
        return float(
            measure(predictions.labels, predictions.answers, labels=classes, average=average, zero_division=0.0)
        )

    def interval(self, predictions: Predictions) -> Interval | str | None:
        macro = self.type.endswith("macro")
        return thin(predictions, macro) or intervals.resampled_counts(predictions.confusion, self._of) or SAME

    def _of(self, confusions: np.ndarray) -> np.ndarray:
        """Compute the score from confusion matrices (matrices, classes, classes)."""
        import numpy as np

        figure, average = self.type.split("_")
        right, true, said = (np.einsum(how, confusions) for how in ("nii->ni", "nij->ni", "nji->ni"))
        below = {"precision": said, "recall": true, "f1": (true + said) / 2}[figure]
        values = right / np.maximum(below, 0.5)
        means: np.ndarray = values.mean(1) if average == "macro" else (values * true).sum(1) / true.sum(1)
        return means


@SCORES.register
class PrecisionMacro(Average):
    """Precision (fraction of a class's predictions that are right), mean over classes. NaN if one has no examples."""

    type: Literal["precision_macro"] = "precision_macro"


@SCORES.register
class PrecisionWeighted(Average):
    """Precision (fraction of a class's predictions that are right), mean weighted by the examples of each class."""

    type: Literal["precision_weighted"] = "precision_weighted"


@SCORES.register
class RecallMacro(Average):
    """Recall (fraction of a class that is found), mean over classes: balanced accuracy. NaN if one has no examples."""

    type: Literal["recall_macro"] = "recall_macro"


@SCORES.register
class RecallWeighted(Average):
    """Recall (fraction of a class that is found), mean weighted by the examples of each class: equals the accuracy."""

    type: Literal["recall_weighted"] = "recall_weighted"
    METHOD: ClassVar[str] = intervals.EXACT

    def interval(self, predictions: Predictions) -> Interval:
        return Accuracy().interval(predictions)


@SCORES.register
class F1Macro(Average):
    """F1 (harmonic mean of precision and recall), mean over classes. NaN if one has no examples."""

    type: Literal["f1_macro"] = "f1_macro"


@SCORES.register
class F1Weighted(Average):
    """F1 (harmonic mean of precision and recall), mean weighted by the examples of each class."""

    type: Literal["f1_weighted"] = "f1_weighted"


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
        """Return how much one more of each example would change the area of a class, float (examples,)."""
        import numpy as np

        # One group for each distinct output, the largest first.
        _, group = np.unique(-predictions.by_class[:, label], return_inverse=True)
        positive = predictions.labels == label
        hits, misses = (np.bincount(group, chosen, group.max() + 1) for chosen in (positive, ~positive))
        of_hits, of_misses = self._changes(hits, misses)
        changes: np.ndarray = np.where(positive, of_hits[group], of_misses[group])
        return changes

    @abstractmethod
    def _changes(self, hits: np.ndarray, misses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the derivatives of the area by the examples of the class, and by others, in each group.

        Args:
            hits: Examples of the class by group, those with the largest output first.
            misses: Examples of other classes by group.
        """


@SCORES.register
class RocAuc(AreaUnderCurve):
    """Area under the ROC curve; with more than two classes, the mean of each against the rest.

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
    """Area under the precision-recall curve, as average precision; with more than two classes, the mean over them.

    NaN if a class has no examples.
    """

    type: Literal["pr_auc"] = "pr_auc"
    AREA: ClassVar[str] = "average_precision_score"

    def _changes(self, hits: np.ndarray, misses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        import numpy as np

        found, chosen = np.cumsum(hits), np.cumsum(hits + misses)
        precision, shares = found / chosen, hits / hits.sum()

        def later(values: np.ndarray) -> np.ndarray:
            """Sum the changes in precision of a group and all after it."""
            return np.cumsum((shares * values)[::-1])[::-1]

        area = (shares * precision).sum()
        of_hits = (precision - area) / hits.sum() + later((1 - precision) / chosen)
        return of_hits, later(-precision / chosen)


@SCORES.register
class Mcc(Score):
    """Matthews correlation coefficient, from -1 to 1; for more than two classes, Gorodkin's generalization (2004).

    0 if the model always predicts the same class; NaN if all examples have the same class.
    """

    type: Literal["mcc"] = "mcc"
    METHOD: ClassVar[str] = intervals.BOOTSTRAP

    def measure(self, predictions: Predictions) -> float:
        if (predictions.support > 0).sum() < 2:
            return math.nan
        from sklearn.metrics import matthews_corrcoef

        return float(matthews_corrcoef(predictions.labels, predictions.answers))

    def interval(self, predictions: Predictions) -> Interval | str | None:
        return thin(predictions) or intervals.resampled_counts(predictions.confusion, self._of) or SAME

    @staticmethod
    def _of(confusions: np.ndarray) -> np.ndarray:
        """Compute the score from confusion matrices (matrices, classes, classes)."""
        import numpy as np

        right, true, said = (np.einsum(how, confusions) for how in ("nii->n", "nij->ni", "nji->ni"))
        total = true.sum(1)
        spread = [total**2 - (side**2).sum(1) for side in (true, said)]
        above, below = right * total - (true * said).sum(1), np.sqrt(spread[0] * spread[1])
        values: np.ndarray = np.divide(above, below, out=np.zeros_like(above), where=below > 0)
        return values


class ProbabilityScore(Score):
    """A score that scikit-learn computes from probabilities; NaN if outputs are not probabilities."""

    FUNCTION: ClassVar[str]
    METHOD: ClassVar[str] = intervals.BOOTSTRAP

    def measure(self, predictions: Predictions) -> float:
        if predictions.distribution is None:
            return math.nan
        from sklearn import metrics

        measure = getattr(metrics, self.FUNCTION)
        return float(measure(predictions.labels, predictions.distribution, labels=range(predictions.classes)))

    def interval(self, predictions: Predictions) -> Interval | str | None:
        if why := thin(predictions):
            return why
        assert predictions.distribution is not None  # intervals are not computed for scores that are NaN
        return intervals.resampled_mean(self._of(predictions.distribution, predictions.labels)) or SAME

    @abstractmethod
    def _of(self, distribution: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Compute the value of each example in the mean, float (examples,)."""


@SCORES.register
class LogLoss(ProbabilityScore):
    """Mean negative logarithm of the label's probability (cross-entropy, in nats), whatever the training loss.

    Probabilities are at least 2.2e-16, so that the loss of an example is at most 36.04. NaN if outputs are not
    probabilities.
    """

    type: Literal["log_loss"] = "log_loss"
    FUNCTION: ClassVar[str] = "log_loss"

    def _of(self, distribution: np.ndarray, labels: np.ndarray) -> np.ndarray:
        import numpy as np

        chosen = distribution[np.arange(len(labels)), labels]
        losses: np.ndarray = -np.log(np.maximum(chosen, np.finfo(np.float64).eps))
        return losses


@SCORES.register
class Brier(ProbabilityScore):
    """Mean squared difference of probability and outcome (Brier 1950): 0 to 1 for two classes, 0 to 2 for more.

    For two classes it uses the probability of class 1; for more, the squared differences from the one-hot label are
    summed over the classes. NaN if outputs are not probabilities.
    """

    type: Literal["brier"] = "brier"
    FUNCTION: ClassVar[str] = "brier_score_loss"

    def _of(self, distribution: np.ndarray, labels: np.ndarray) -> np.ndarray:
        import numpy as np

        classes = distribution.shape[1]
        squares: np.ndarray = ((distribution - np.eye(classes)[labels]) ** 2).sum(axis=1)
        return squares / 2 if classes == 2 else squares


@dataclass(frozen=True)
class Reliability:
    """Predictions grouped by confidence, in bins; empty bins are left out.

    Attributes:
        bins: Number of bins from 0 to 1, including empty ones.
        middles: Middle of each bin, float (filled bins,).
        confidence: Mean probability of the predicted classes, float (filled bins,).
        accuracy: Fraction of right predictions, float (filled bins,).
        counts: Number of predictions, int (filled bins,).
    """

    bins: int
    middles: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray
    counts: np.ndarray


@SCORES.register
class Ece(Score):
    """Expected calibration error (Guo et al. 2017): how far confidence is from accuracy.

    Examples are binned by the probability of their most likely class, in bins of equal width. The gaps between mean
    confidence and accuracy are averaged, weighted by examples in the bin. NaN if outputs are not probabilities.
    """

    type: Literal["ece"] = "ece"
    bins: Positive = Field(15, description="Number of bins from 0 to 1.")

    def measure(self, predictions: Predictions) -> float:
        table = self.table(predictions)
        if table is None:
            return math.nan
        gaps = abs(table.accuracy - table.confidence)
        return float((gaps * table.counts).sum() / table.counts.sum())

    def interval(self, predictions: Predictions) -> str:
        return "binning biases it upwards, and resampling adds to that"

    def table(self, predictions: Predictions) -> Reliability | None:
        """Group predictions into bins by confidence, (lower end, upper end]; None if outputs are not probabilities."""
        import numpy as np

        if predictions.distribution is None:
            return None
        confidence = predictions.distribution.max(axis=1)
        right = predictions.answers == predictions.labels
        places = np.digitize(confidence, np.linspace(0, 1, self.bins + 1), right=True)
        counts = np.bincount(places)
        filled = counts > 0
        means = [np.bincount(places, values)[filled] / counts[filled] for values in (confidence, right)]
        return Reliability(self.bins, (np.flatnonzero(filled) - 0.5) / self.bins, means[0], means[1], counts[filled])


@dataclass(frozen=True)
class Scored:
    """All results of an evaluation: scores, their intervals, precision and recall of each class, and confusion matrix.

    Attributes:
        values: Each score, by name.
        intervals: 95 % intervals, by score; None if there is no reliable one.
        interval_notes: How each interval was computed, or why it is missing, by score.
        classes: Precision, recall, F1 and number of examples of each class.
        confusion_matrix: Number of examples by label (row) and predicted class (column).
    """

    values: dict[str, float] = field(default_factory=dict)
    intervals: dict[str, Interval | None] = field(default_factory=dict)
    interval_notes: dict[str, str] = field(default_factory=dict)
    classes: list[ClassFigures] = field(default_factory=list)
    confusion_matrix: list[list[int]] = field(default_factory=list)


def take(predictions: Predictions) -> Scored:
    """Compute every registered score."""
    scores = {name: SCORES.select(name) for name in SCORES}
    values = {name: float(score.measure(predictions)) for name, score in scores.items()}
    found = {
        name: "undefined on this split" if math.isnan(values[name]) else score.interval(predictions)
        for name, score in scores.items()
    }
    return Scored(
        values,
        {name: None if isinstance(ends, str) else ends for name, ends in found.items() if ends is not None},
        {
            name: f"none: {ends}" if isinstance(ends, str) else scores[name].METHOD or "computed by the score"
            for name, ends in found.items()
            if ends is not None
        },
        per_class(predictions),
        predictions.confusion.tolist(),
    )


def per_class(predictions: Predictions) -> list[ClassFigures]:
    """Return precision, recall, F1 and number of examples of each class; NaN for a class without examples."""
    import numpy as np
    from sklearn.metrics import precision_recall_fscore_support

    *figures, support = precision_recall_fscore_support(
        predictions.labels, predictions.answers, labels=range(predictions.classes), zero_division=0.0
    )
    rows = np.where(support, figures, np.nan).T.tolist()
    return [
        ClassFigures.model_validate({"class": k, "precision": row[0], "recall": row[1], "f1": row[2], "support": count})
        for k, (row, count) in enumerate(zip(rows, support.tolist(), strict=True))
    ]
