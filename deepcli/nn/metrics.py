"""Keras metrics that take class numbers, where Keras itself needs other shapes of targets."""

from __future__ import annotations

from typing import Any, Literal

import keras
from keras import ops


@keras.saving.register_keras_serializable("deepcli")
class ConfusionScore(keras.metrics.Metric):
    """Precision, recall or F1 of class 1 of two, or the mean over more classes (macro average).

    A class that is never predicted, or has no examples, scores 0, as in scikit-learn with `zero_division=0`.

    Args:
        kind: `precision`, `recall` or `f1`.
        classes: Number of classes.
        name: Name in logs.
    """

    def __init__(self, kind: Literal["precision", "recall", "f1"], classes: int, name: str | None = None) -> None:
        super().__init__(name=name or kind)
        self.kind, self.classes = kind, classes
        self.right, self.predicted, self.actual = (
            self.add_variable((classes,), "zeros", name=part) for part in ("right", "predicted", "actual")
        )

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count a batch: labels (batch,), probabilities (batch, classes) or (batch, 1)."""
        single = y_pred.shape[-1] == 1
        answers = ops.cast(y_pred[:, 0] > 0.5, "int32") if single else ops.argmax(y_pred, axis=-1)
        predicted = ops.one_hot(answers, self.classes, dtype="float32")
        actual = ops.one_hot(ops.cast(ops.reshape(y_true, (-1,)), "int32"), self.classes, dtype="float32")
        self.right.assign_add(ops.sum(predicted * actual, axis=0))
        self.predicted.assign_add(ops.sum(predicted, axis=0))
        self.actual.assign_add(ops.sum(actual, axis=0))

    def result(self) -> Any:
        """Return the score so far."""
        below = {
            "precision": self.predicted.value,
            "recall": self.actual.value,
            "f1": (self.predicted.value + self.actual.value) / 2,
        }[self.kind]
        scores = self.right.value / ops.maximum(below, 0.5)
        return scores[1] if self.classes == 2 else ops.mean(scores)

    def get_config(self) -> dict[str, Any]:
        return {"kind": self.kind, "classes": self.classes, "name": self.name}


@keras.saving.register_keras_serializable("deepcli")
class OneVersusRestAUC(keras.metrics.AUC):
    """Area under the ROC curve from class numbers; for more than two classes, the mean of each against the rest.

    Args:
        classes: Number of classes.
        num_thresholds: Number of points of the curve.
        name: Name in logs.
    """

    def __init__(self, classes: int, num_thresholds: int = 200, name: str = "auc", **kwargs: Any) -> None:
        self.classes = classes
        many = {"multi_label": True, "num_labels": classes} if classes > 2 else {}
        super().__init__(num_thresholds=num_thresholds, name=name, **many)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count a batch: labels (batch,), probabilities (batch, classes) or (batch, 1)."""
        labels = ops.cast(ops.reshape(y_true, (-1,)), "int32")
        if self.classes > 2:
            super().update_state(ops.one_hot(labels, self.classes), y_pred)
        else:
            super().update_state(labels[:, None], y_pred[:, -1:])

    def get_config(self) -> dict[str, Any]:
        return {"classes": self.classes, "num_thresholds": self.num_thresholds, "name": self.name}


def top_k_shares(y_true: Any, y_pred: Any, k: int) -> Any:
    """Return for each example the probability that its label is among the `k` most likely classes, ties broken at random.

    A model with equal outputs for all classes thus scores `k` divided by the number of classes, like a guess. Keras counts
    a label as found if at most `k - 1` outputs are larger, so that such a model would always be right.

    Args:
        y_true: Class numbers (batch,).
        y_pred: Outputs (batch, classes), or (batch, 1) for class 1 of two.
        k: Number of most likely classes.
    """
    if y_pred.shape[-1] == 1:
        y_pred = ops.concatenate([1 - y_pred, y_pred], axis=-1)
    labels = ops.cast(ops.reshape(y_true, (-1, 1)), "int32")
    own = ops.take_along_axis(y_pred, labels, axis=-1)
    larger = ops.sum(ops.cast(y_pred > own, "float32"), axis=-1)
    equal = ops.sum(ops.cast(y_pred == own, "float32"), axis=-1)
    numbers = ops.all(y_pred == y_pred, axis=-1)  # a row with NaN has no order
    return ops.where(numbers, ops.clip((k - larger) / ops.maximum(equal, 1.0), 0.0, 1.0), 0.0)


@keras.saving.register_keras_serializable("deepcli")
class FairTopKAccuracy(keras.metrics.MeanMetricWrapper):
    """Fraction of examples whose label is among the `k` most likely classes; ties share the remaining places.

    Args:
        k: Number of most likely classes.
        name: Name in logs.
    """

    def __init__(self, k: int = 5, name: str = "top_k_accuracy", **kwargs: Any) -> None:
        super().__init__(top_k_shares, name=name, k=k)
        self.k = k

    def get_config(self) -> dict[str, Any]:
        return {"k": self.k, "name": self.name}


@keras.saving.register_keras_serializable("deepcli")
class MedianAccuracy(keras.metrics.MeanMetricWrapper):
    """Fraction of examples whose median level, by the probabilities (batch, levels), is the label (batch,)."""

    def __init__(self, name: str = "accuracy", dtype: Any = None) -> None:
        super().__init__(median_is_right, name=name, dtype=dtype)

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self.dtype}


def median_is_right(y_true: Any, y_pred: Any) -> Any:
    """Return 1 for each example whose median level is the label, float (batch,)."""
    below = ops.cumsum(ops.cast(y_pred, "float32"), axis=-1)
    median = ops.argmax(ops.cast(below >= 0.5 - 1e-6, "int32"), axis=-1)
    return ops.cast(ops.equal(ops.cast(median, "int32"), ops.cast(ops.reshape(y_true, (-1,)), "int32")), "float32")
