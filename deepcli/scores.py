"""Scores that `deepcli evaluate` takes of predictions, of every run and without being asked.

What the split cannot tell is NaN: a class that has no examples, areas and correlations where there is one class only,
calibration of outputs that are no probabilities. What the model does badly is a figure: of a class that it never
predicts, precision is 0.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from deepcli.fields import Positive
from deepcli.registry import Component, Registry
from deepcli.result import ClassFigures

if TYPE_CHECKING:
    from deepcli.predictions import Predictions

RESAMPLES = 10_000


class Score(Component):
    """A figure of merit of predictions; its name is its type. A metric of that name in the spec goes before it.

    Nobody names a score, so each of its fields needs a default.
    """

    @abstractmethod
    def measure(self, predictions: Predictions) -> float:
        """Return the figure; NaN where it is undefined."""

    def interval(self, predictions: Predictions) -> tuple[float, float] | None:
        """Return its 95 % interval, where there is one."""
        return None


SCORES: Registry[Score] = Registry("scores")


@SCORES.register
class Accuracy(Score):
    """Share of examples whose likeliest class is the label, with a 95 % interval by bootstrap."""

    type: Literal["accuracy"] = "accuracy"

    def measure(self, predictions: Predictions) -> float:
        return float((predictions.answers == predictions.labels).mean())

    def interval(self, predictions: Predictions) -> tuple[float, float]:
        """Return the bootstrap's 95 % interval.

        Resampling right and wrong answers with replacement draws from a binomial distribution, so it is drawn from
        there.
        """
        import numpy as np

        count = len(predictions.labels)
        drawn = np.random.RandomState(0).binomial(count, self.measure(predictions), RESAMPLES)
        low, high = np.quantile(drawn / count, [0.025, 0.975])
        return float(low), float(high)


class Average(Score):
    """Precision, recall or F1, averaged over the classes: its name says what, and how."""

    type: Literal["precision_macro", "precision_weighted", "recall_macro", "recall_weighted", "f1_macro", "f1_weighted"]

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


@SCORES.register
class PrecisionMacro(Average):
    """Share of right ones among those predicted as a class: mean over the classes. NaN if one has no examples."""

    type: Literal["precision_macro"] = "precision_macro"


@SCORES.register
class PrecisionWeighted(Average):
    """Share of right ones among those predicted as a class: mean weighted by the examples of each class."""

    type: Literal["precision_weighted"] = "precision_weighted"


@SCORES.register
class RecallMacro(Average):
    """Share of a class that is found: mean over the classes (balanced accuracy). NaN if one has no examples."""

    type: Literal["recall_macro"] = "recall_macro"


@SCORES.register
class RecallWeighted(Average):
    """Share of a class that is found: mean weighted by the examples of each class, which is the accuracy."""

    type: Literal["recall_weighted"] = "recall_weighted"


@SCORES.register
class F1Macro(Average):
    """Harmonic mean of precision and recall of a class: mean over the classes. NaN if one has no examples."""

    type: Literal["f1_macro"] = "f1_macro"


@SCORES.register
class F1Weighted(Average):
    """Harmonic mean of precision and recall of a class: mean weighted by the examples of each class."""

    type: Literal["f1_weighted"] = "f1_weighted"


class Area(Score):
    """The area under a curve of class 1 of two; of several classes the mean of each against the rest."""

    AREA: ClassVar[str]

    def measure(self, predictions: Predictions) -> float:
        import numpy as np
        from sklearn import metrics

        if not predictions.support.all() or not np.isfinite(predictions.by_class).all():
            return math.nan
        area = getattr(metrics, self.AREA)
        classes = [1] if predictions.classes == 2 else range(predictions.classes)
        return float(np.mean([area(predictions.labels == k, predictions.by_class[:, k]) for k in classes]))


@SCORES.register
class RocAuc(Area):
    """Area under the ROC curve; with more than two classes the mean of each against the rest.

    NaN if a class has no examples. The metric `auc` approximates it while training.
    """

    type: Literal["roc_auc"] = "roc_auc"
    AREA: ClassVar[str] = "roc_auc_score"


@SCORES.register
class PrAuc(Area):
    """Area under the precision-recall curve, as average precision; with more than two classes the mean over them.

    NaN if a class has no examples.
    """

    type: Literal["pr_auc"] = "pr_auc"
    AREA: ClassVar[str] = "average_precision_score"


@SCORES.register
class Mcc(Score):
    """Matthews correlation coefficient, from -1 to 1; of several classes Gorodkin's (2004).

    0 if the model always answers the same; NaN if all examples are of one class.
    """

    type: Literal["mcc"] = "mcc"

    def measure(self, predictions: Predictions) -> float:
        if (predictions.support > 0).sum() < 2:
            return math.nan
        from sklearn.metrics import matthews_corrcoef

        return float(matthews_corrcoef(predictions.labels, predictions.answers))


class ProbabilityScore(Score):
    """A score that scikit-learn takes of probabilities; NaN for outputs that are none."""

    FUNCTION: ClassVar[str]

    def measure(self, predictions: Predictions) -> float:
        if predictions.distribution is None:
            return math.nan
        from sklearn import metrics

        measure = getattr(metrics, self.FUNCTION)
        return float(measure(predictions.labels, predictions.distribution, labels=range(predictions.classes)))


@SCORES.register
class LogLoss(ProbabilityScore):
    """Mean negative logarithm of the label's probability (cross-entropy, in nats), whatever the model was trained on.

    Probabilities are kept off 0 by 2.2e-16, so that it is at most 36.04 an example. NaN for outputs that are no
    probabilities.
    """

    type: Literal["log_loss"] = "log_loss"
    FUNCTION: ClassVar[str] = "log_loss"


@SCORES.register
class Brier(ProbabilityScore):
    """Mean squared difference of probability and outcome (Brier 1950), from 0 to 1 for two classes, else to 2.

    Of two classes it is that of the probability of class 1; of several, the differences to the one-hot label are
    summed over the classes. NaN for outputs that are no probabilities.
    """

    type: Literal["brier"] = "brier"
    FUNCTION: ClassVar[str] = "brier_score_loss"


@SCORES.register
class Ece(Score):
    """Expected calibration error (Guo et al. 2017): how far confidence is from accuracy.

    Examples are binned by the probability of their likeliest class, in bins of equal width; the gaps between mean
    confidence and accuracy are averaged by the examples in each. NaN for outputs that are no probabilities.
    """

    type: Literal["ece"] = "ece"
    bins: Positive = Field(15, description="How many bins there are from 0 to 1.")

    def measure(self, predictions: Predictions) -> float:
        import numpy as np

        if predictions.distribution is None:
            return math.nan
        confidence = predictions.distribution.max(axis=1)
        right = predictions.answers == predictions.labels
        places = np.digitize(confidence, np.linspace(0, 1, self.bins + 1), right=True)
        gaps = np.bincount(places, right - confidence)
        return float(np.abs(gaps).sum() / len(right))


@dataclass(frozen=True)
class Scored:
    """Everything that was found of predictions: each score by name, intervals, figures by class, who is taken for whom."""

    values: dict[str, float] = field(default_factory=dict)
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    classes: list[ClassFigures] = field(default_factory=list)
    confusion_matrix: list[list[int]] = field(default_factory=list)


def take(predictions: Predictions) -> Scored:
    """Take every score that is registered."""
    scores = {name: SCORES.select(name) for name in SCORES}
    intervals = {name: score.interval(predictions) for name, score in scores.items()}
    return Scored(
        {name: float(score.measure(predictions)) for name, score in scores.items()},
        {name: low_high for name, low_high in intervals.items() if low_high},
        per_class(predictions),
        predictions.confusion.tolist(),
    )


def per_class(predictions: Predictions) -> list[ClassFigures]:
    """Return precision, recall, F1 and number of examples of each class; NaN for a class that has none."""
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
