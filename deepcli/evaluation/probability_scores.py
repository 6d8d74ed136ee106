"""Scores of a classifier's probabilities: cross-entropy, squared error, calibration."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from deepcli.evaluation import intervals
from deepcli.evaluation.intervals import Interval
from deepcli.evaluation.scores import SAME, SCORES, Score, thin
from deepcli.spec.fields import Positive

if TYPE_CHECKING:
    import numpy as np

    from deepcli.evaluation.predictions import Predictions


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
    """Mean negative logarithm of the label's probability (cross-entropy, in nats): 0 is perfect, 0.69 a coin toss.

    It does not depend on the training loss. Probabilities are at least 2.2e-16, so that the loss of an example is at most 36.04. NaN if outputs are not
    probabilities.
    """

    tasks: ClassVar[tuple[str, ...]] = ("classification", "ordinal")
    type: Literal["log_loss"] = "log_loss"
    better: ClassVar[Literal["max", "min"]] = "min"
    FUNCTION: ClassVar[str] = "log_loss"

    def _of(self, distribution: np.ndarray, labels: np.ndarray) -> np.ndarray:
        import numpy as np

        chosen = distribution[np.arange(len(labels)), labels]
        losses: np.ndarray = -np.log(np.maximum(chosen, np.finfo(np.float64).eps))
        return losses


@SCORES.register
class Brier(ProbabilityScore):
    """Mean squared difference of probability and outcome (Brier 1950), 0 to 1 for two classes and 0 to 2 for more.

    For two classes it uses the probability of class 1; for more, the squared differences from the one-hot label are
    summed over the classes. NaN if outputs are not probabilities.
    """

    type: Literal["brier"] = "brier"
    better: ClassVar[Literal["max", "min"]] = "min"
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
    """Expected calibration error (Guo et al. 2017): how far confidence is from accuracy, 0 to 1.

    Examples are binned by the probability of their most likely class, in bins of equal width. The gaps between mean
    confidence and accuracy are averaged, weighted by examples in the bin. NaN if outputs are not probabilities.
    """

    type: Literal["ece"] = "ece"
    better: ClassVar[Literal["max", "min"]] = "min"
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
        right = (
            predictions.by_class.argmax(axis=1) == predictions.labels
        )  # of the likeliest class, whatever is answered
        places = np.digitize(confidence, np.linspace(0, 1, self.bins + 1), right=True)
        counts = np.bincount(places)
        filled = counts > 0
        means = [np.bincount(places, values)[filled] / counts[filled] for values in (confidence, right)]
        return Reliability(self.bins, (np.flatnonzero(filled) - 0.5) / self.bins, means[0], means[1], counts[filled])
