"""Metrics that a spec can name, measured during training and evaluation."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from deepcli.data.signature import Signature
from deepcli.evaluation.scores import SCORES
from deepcli.models.base import Head
from deepcli.spec.fields import Positive
from deepcli.spec.registry import Component, Issue, Registry, show

if TYPE_CHECKING:
    import keras


class Metric(Component):
    """A metric of predicted probabilities and class numbers; its name is its type."""

    better: ClassVar[Literal["max", "min"]] = "max"

    def check(self, signature: Signature) -> Iterator[Issue]:
        """Yield what does not fit the data, by field."""
        yield from ()

    @abstractmethod
    def build(self, signature: Signature, head: Head) -> keras.metrics.Metric:
        """Build the Keras metric: labels (batch,), probabilities (batch, units)."""


class _Metrics(Registry[Metric]):
    """The registry of metrics, with an error message of its own if a score is named in their place."""

    def unknown(self, name: object) -> str:
        if SCORES.get(name) is None:
            return super().unknown(name)
        return (
            f"{show(name)} is a score, which `deepcli evaluate RUN` computes for every run; "
            f"metrics during training: {', '.join(self)}"
        )


METRICS = _Metrics("metrics")


@METRICS.register
class Accuracy(Metric):
    """Fraction of examples whose most likely class is the label."""

    type: Literal["accuracy"] = "accuracy"

    def build(self, signature: Signature, head: Head) -> keras.metrics.Metric:
        import keras

        if head.units == 1:
            return keras.metrics.BinaryAccuracy(name="accuracy")
        return keras.metrics.SparseCategoricalAccuracy(name="accuracy")


@METRICS.register
class TopKAccuracy(Metric):
    """Fraction of examples whose label is among the `k` most likely classes; ties count in part."""

    type: Literal["top_k_accuracy"] = "top_k_accuracy"
    k: Positive = Field(5, description="Number of most likely classes.")

    def check(self, signature: Signature) -> Iterator[Issue]:
        if self.k >= signature.classes:
            yield ("k",), f"is 1 for every model: these data have only {signature.classes} classes; use a smaller k"

    def build(self, signature: Signature, head: Head) -> keras.metrics.Metric:
        from deepcli.nn.metrics import FairTopKAccuracy

        return FairTopKAccuracy(self.k)


@METRICS.register
class Auc(Metric):
    """Area under the ROC curve; with more than two classes, the mean of each against the rest."""

    type: Literal["auc"] = "auc"
    num_thresholds: Positive = Field(200, description="Number of points of the curve.")

    def build(self, signature: Signature, head: Head) -> keras.metrics.Metric:
        from deepcli.nn.metrics import OneVersusRestAUC

        return OneVersusRestAUC(signature.classes, self.num_thresholds, name="auc")


class ConfusionMetric(Metric):
    """A metric computed from the counts of right and wrong predictions per class."""

    type: Literal["precision", "recall", "f1"]

    def build(self, signature: Signature, head: Head) -> keras.metrics.Metric:
        from deepcli.nn.metrics import ConfusionScore

        return ConfusionScore(self.type, signature.classes, name=self.type)


@METRICS.register
class Precision(ConfusionMetric):
    """Fraction of predictions of class 1 that are correct; with more than two classes, the mean over all (macro)."""

    type: Literal["precision"] = "precision"


@METRICS.register
class Recall(ConfusionMetric):
    """Fraction of class 1 that is found; with more than two classes, the mean over all (macro)."""

    type: Literal["recall"] = "recall"


@METRICS.register
class F1(ConfusionMetric):
    """Harmonic mean of precision and recall of class 1; with more than two classes, the mean over all (macro)."""

    type: Literal["f1"] = "f1"
