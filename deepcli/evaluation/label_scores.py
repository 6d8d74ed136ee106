"""Scores of predicted labels, of which an example may have any number; `f1_macro` is in `class_scores`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from deepcli.evaluation import intervals
from deepcli.evaluation.area_scores import average_precision, influence, precision_changes
from deepcli.evaluation.class_scores import left_out
from deepcli.evaluation.intervals import Interval
from deepcli.evaluation.scores import SAME, SCORES, Score

if TYPE_CHECKING:
    import numpy as np

    from deepcli.evaluation.label_predictions import LabelPredictions


class LabelScore(Score):
    """A score of predicted labels."""

    METHOD: ClassVar[str] = intervals.BOOTSTRAP
    tasks: ClassVar[tuple[str, ...]] = ("multilabel",)


@SCORES.register
class F1Micro(LabelScore):
    """F1 of all decisions about labels together, 0 to 1, so that frequent labels count more.

    NaN if no example has a label.
    """

    type: Literal["f1_micro"] = "f1_micro"

    def measure(self, predictions: LabelPredictions) -> float:
        right, true, said = (int(part.sum()) for part in predictions.tallies)
        return 2 * right / (true + said) if true else math.nan

    def interval(self, predictions: LabelPredictions) -> Interval | str | None:
        return predictions.too_few() or predictions.resampled(self._of) or SAME

    @staticmethod
    def _of(right: np.ndarray, true: np.ndarray, said: np.ndarray) -> np.ndarray:
        import numpy as np

        figures: np.ndarray = 2 * right.sum(1) / np.maximum(true.sum(1) + said.sum(1), 1)
        return figures


@SCORES.register
class AveragePrecisionMacro(LabelScore):
    """Area under the precision-recall curve (average precision), mean over labels, 0 to 1; independent of thresholds.

    Labels without examples are left out, and the note on the interval counts them.
    """

    type: Literal["average_precision_macro"] = "average_precision_macro"
    METHOD: ClassVar[str] = intervals.AREA

    def measure(self, predictions: LabelPredictions) -> float:
        import numpy as np

        areas = [average_precision(*self._label(predictions, k)) for k in predictions.averaged.tolist()]
        return float(np.mean(areas)) if areas else math.nan

    def interval(self, predictions: LabelPredictions) -> Interval | str | None:
        import numpy as np

        if why := predictions.too_few(every_class=True):
            return why
        total = np.zeros(len(predictions.ids))
        for k in predictions.averaged.tolist():
            total += influence(*self._label(predictions, k), precision_changes)
        error = float(np.sqrt((total**2).sum())) / len(predictions.averaged)
        found = intervals.on_logit_scale(self.measure(predictions), error)
        return found or "the outputs separate the labels perfectly, or not at all"

    def remark(self, predictions: LabelPredictions) -> str:
        return left_out(predictions)

    @staticmethod
    def _label(predictions: LabelPredictions, label: int) -> tuple[np.ndarray, np.ndarray]:
        return predictions.labels[:, label] > 0, predictions.probabilities[:, label]


@SCORES.register
class SubsetAccuracy(LabelScore):
    """Fraction of examples that are given exactly their labels, 0 to 1.

    Its 95 % interval is exact (Clopper-Pearson).
    """

    type: Literal["subset_accuracy"] = "subset_accuracy"
    METHOD: ClassVar[str] = intervals.EXACT

    def measure(self, predictions: LabelPredictions) -> float:
        return float(predictions.right.mean())

    def interval(self, predictions: LabelPredictions) -> Interval:
        return intervals.clopper_pearson(int(predictions.right.sum()), len(predictions.right))


@SCORES.register
class HammingLoss(LabelScore):
    """Fraction of wrong decisions among all pairs of example and label, 0 to 1."""

    type: Literal["hamming_loss"] = "hamming_loss"
    better: ClassVar[Literal["max", "min"]] = "min"

    def measure(self, predictions: LabelPredictions) -> float:
        return float((predictions.labels != predictions.answers).mean())

    def interval(self, predictions: LabelPredictions) -> Interval | str | None:
        wrong = (predictions.labels != predictions.answers).mean(axis=1)
        return predictions.too_few() or intervals.resampled_mean(wrong) or SAME


@SCORES.register
class LabelRankingAveragePrecision(LabelScore):
    """How high an example's true labels rank among all labels (Schapire & Singer 2000), 0 to 1: 1 if they are the first.

    Examples with no label or with all of them count as 1, as in scikit-learn.
    """

    type: Literal["label_ranking_average_precision"] = "label_ranking_average_precision"

    def measure(self, predictions: LabelPredictions) -> float:
        return float(self._of(predictions).mean())

    def interval(self, predictions: LabelPredictions) -> Interval | str | None:
        return predictions.too_few() or intervals.resampled_mean(self._of(predictions)) or SAME

    @staticmethod
    def _of(predictions: LabelPredictions) -> np.ndarray:
        """Return the value of each example in the mean, float64 (examples,)."""
        import numpy as np
        from scipy.stats import rankdata

        true, worst = predictions.labels > 0, -predictions.probabilities
        ranks = rankdata(worst, "max", axis=1)
        among_true = rankdata(np.where(true, worst, np.inf), "max", axis=1)
        count = true.sum(axis=1)
        values = (np.where(true, among_true / ranks, 0)).sum(axis=1) / np.maximum(count, 1)
        return np.where((count > 0) & (count < true.shape[1]), values, 1.0)
