"""Scores of the answers of a classifier: accuracy, precision, recall, F1, correlation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from deepcli.evaluation import intervals
from deepcli.evaluation.intervals import Interval
from deepcli.evaluation.scores import BLOCKS, SAME, SCORES, Score, thin

if TYPE_CHECKING:
    import numpy as np

    from deepcli.evaluation.label_predictions import LabelPredictions
    from deepcli.evaluation.predictions import Predictions
    from deepcli.evaluation.token_predictions import TokenPredictions


def left_out(predictions: Predictions | LabelPredictions) -> str:
    """Count the classes or labels without examples that are left out of a mean; empty if there are none."""
    known = len(predictions.support)
    missing = known - len(predictions.averaged)
    return f"{missing} of {known} labels have no examples and are left out" if missing else ""


def without_examples(predictions: Predictions) -> str:
    """Count the classes without examples that are left out of a mean; empty if there are none."""
    missing = int((predictions.support == 0).sum())
    return f"{missing} of {predictions.classes} classes have no examples and are left out" if missing else ""


@SCORES.register
class Accuracy(Score):
    """Fraction of examples whose answer is the label: the most likely class, or the median of ordered levels; 0 to 1.

    Its 95 % interval is exact (Clopper-Pearson). In a language model it counts tokens that were the most likely ones, and
    its interval is over blocks of tokens.
    """

    tasks: ClassVar[tuple[str, ...]] = ("classification", "ordinal", "language_model", "sequence_to_sequence")
    type: Literal["accuracy"] = "accuracy"
    METHOD: ClassVar[str] = intervals.EXACT

    def measure(self, predictions: Predictions | TokenPredictions) -> float:
        return predictions.accuracy

    def interval(self, predictions: Predictions | TokenPredictions) -> Interval | str | None:
        return predictions.accuracy_interval or predictions.too_few()

    def method(self, predictions: Predictions | TokenPredictions) -> str:
        return {"tokens": BLOCKS, "sequence": intervals.BOOTSTRAP}.get(predictions.KIND, self.METHOD)


class Average(Score):
    """Precision, recall or F1, averaged over the classes; the name says which one, and how."""

    type: Literal[
        "precision_macro", "precision_weighted", "recall_macro", "recall_weighted", "f1_macro", "f1_weighted",
        "balanced_accuracy",
    ]  # fmt: skip
    METHOD: ClassVar[str] = intervals.BOOTSTRAP

    def measure(self, predictions: Predictions | LabelPredictions) -> float:
        figure, average = self.type.split("_")
        classes = predictions.averaged
        if not len(classes) or (average == "macro" and not predictions.support[classes].all()):
            return math.nan
        from sklearn import metrics

        measure = getattr(metrics, f"{figure}_score")
        return float(
            measure(predictions.labels, predictions.answers, labels=classes, average=average, zero_division=0.0)
        )

    def interval(self, predictions: Predictions | LabelPredictions) -> Interval | str | None:
        macro = not self.type.endswith("weighted")
        classes = predictions.averaged

        def figure(*parts: np.ndarray) -> np.ndarray:
            return self._of(*(part.take(classes, axis=1) for part in parts))

        return predictions.too_few(macro) or predictions.resampled(figure) or SAME

    def _of(self, right: np.ndarray, true: np.ndarray, said: np.ndarray) -> np.ndarray:
        """Compute the score from the numbers of examples that are right, of a class, and predicted, (scores, classes)."""
        import numpy as np

        figure, average = self.type.split("_")
        below = {"precision": said, "recall": true, "f1": (true + said) / 2}[figure]
        values = right / np.maximum(below, 0.5)
        means: np.ndarray = values.mean(1) if average == "macro" else (values * true).sum(1) / true.sum(1)
        return means


@SCORES.register
class PrecisionMacro(Average):
    """Precision (fraction of a class's predictions that are right), mean over classes, 0 to 1.

    NaN if a class has no examples.
    """

    type: Literal["precision_macro"] = "precision_macro"


@SCORES.register
class PrecisionWeighted(Average):
    """Precision (fraction of a class's predictions that are right), mean weighted by the examples of each class, 0 to 1."""

    type: Literal["precision_weighted"] = "precision_weighted"


@SCORES.register
class RecallMacro(Average):
    """Recall (fraction of a class that is found), mean over classes, 0 to 1: balanced accuracy.

    NaN if a class has no examples.
    """

    tasks: ClassVar[tuple[str, ...]] = ("classification", "ordinal")
    type: Literal["recall_macro"] = "recall_macro"


@SCORES.register
class BalancedAccuracy(Average):
    """Recall (fraction of a class that is found), mean over the classes that have examples, 0 to 1.

    It is scikit-learn's. A model that always predicts the same class scores 1 divided by the number of classes, however frequent that class is.
    Equals `recall_macro` where every class has examples; classes without any are left out, and the note on the interval
    counts them. NaN if all examples have the same class.
    """

    tasks: ClassVar[tuple[str, ...]] = ("classification", "ordinal")
    type: Literal["balanced_accuracy"] = "balanced_accuracy"

    def measure(self, predictions: Predictions) -> float:  # type: ignore[override]
        present = predictions.support > 0
        if present.sum() < 2:
            return math.nan
        return float((predictions.confusion.diagonal()[present] / predictions.support[present]).mean())

    def remark(self, predictions: Predictions) -> str:
        return without_examples(predictions)

    def _of(self, right: np.ndarray, true: np.ndarray, said: np.ndarray) -> np.ndarray:
        import numpy as np

        means: np.ndarray = (right / np.maximum(true, 0.5)).mean(1)
        return means


@SCORES.register
class RecallWeighted(Average):
    """Recall (fraction of a class that is found), mean weighted by the examples of each class: equals accuracy, 0 to 1."""

    type: Literal["recall_weighted"] = "recall_weighted"
    METHOD: ClassVar[str] = intervals.EXACT

    def interval(self, predictions: Predictions | LabelPredictions) -> Interval:
        right = int((predictions.answers == predictions.labels).sum())
        return intervals.clopper_pearson(right, len(predictions.labels))


@SCORES.register
class F1Macro(Average):
    """F1 (harmonic mean of precision and recall), mean over classes or labels, 0 to 1.

    NaN if a class has no examples. Where an example has any number of labels, labels without examples are left out of the
    mean, and the note on the interval counts them.
    """

    tasks: ClassVar[tuple[str, ...]] = ("classification", "multilabel", "ordinal")
    type: Literal["f1_macro"] = "f1_macro"

    def remark(self, predictions: Predictions | LabelPredictions) -> str:
        return left_out(predictions)


@SCORES.register
class F1Weighted(Average):
    """F1 (harmonic mean of precision and recall), mean weighted by the examples of each class, 0 to 1."""

    tasks: ClassVar[tuple[str, ...]] = ("classification", "ordinal")
    type: Literal["f1_weighted"] = "f1_weighted"


@SCORES.register
class Mcc(Score):
    """Matthews correlation coefficient of labels and predictions: 1 is perfect, 0 is guessing, -1 is all wrong.

    For more than two classes, Gorodkin's generalization (2004). 0 if the model always predicts the same class; NaN if all examples have the same class.
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
