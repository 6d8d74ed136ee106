"""Metrics that a spec can name, measured while training and at evaluation."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from deepcli.data.base import Signature
from deepcli.evaluation.scores import SCORES
from deepcli.models.base import Head
from deepcli.spec.fields import Positive
from deepcli.spec.registry import Component, Issue, Registry, show

if TYPE_CHECKING:
    import keras


class Metric(Component):
    """A figure of merit on predicted probabilities and class numbers; its name is its type."""

    better: ClassVar[Literal["max", "min"]] = "max"

    def check(self, signature: Signature) -> Iterator[Issue]:
        """Yield what does not fit the data."""
        yield from ()

    @abstractmethod
    def build(self, signature: Signature, head: Head) -> keras.metrics.Metric:
        """Build the Keras metric: labels (batch,), probabilities (batch, units)."""


class _Metrics(Registry[Metric]):
    """The metrics; a score that is named in their place is told apart from a word that nobody knows."""

    def unknown(self, name: object) -> str:
        if SCORES.get(name) is None:
            return super().unknown(name)
        return (
            f"{show(name)} needs no naming: `deepcli evaluate RUN` measures it of every run; "
            f"metrics while training: {', '.join(self)}"
        )


METRICS = _Metrics("metrics")


@METRICS.register
class Accuracy(Metric):
    """Share of examples whose likeliest class is the label."""

    type: Literal["accuracy"] = "accuracy"

    def build(self, signature: Signature, head: Head) -> keras.metrics.Metric:
        import keras

        if head.units == 1:
            return keras.metrics.BinaryAccuracy(name="accuracy")
        return keras.metrics.SparseCategoricalAccuracy(name="accuracy")


@METRICS.register
class TopKAccuracy(Metric):
    """Share of examples whose label is among the `k` likeliest classes; classes with equal outputs count in part."""

    type: Literal["top_k_accuracy"] = "top_k_accuracy"
    k: Positive = Field(5, description="How many classes count.")

    def check(self, signature: Signature) -> Iterator[Issue]:
        if self.k >= signature.classes:
            yield ("k",), f"is 1 for every model: these data have {signature.classes} classes"

    def build(self, signature: Signature, head: Head) -> keras.metrics.Metric:
        from deepcli.nn.metrics import FairTopKAccuracy

        return FairTopKAccuracy(self.k)


@METRICS.register
class Auc(Metric):
    """Area under the ROC curve; with more than two classes the mean of each against the rest."""

    type: Literal["auc"] = "auc"
    num_thresholds: Positive = Field(200, description="Points of the curve.")

    def build(self, signature: Signature, head: Head) -> keras.metrics.Metric:
        from deepcli.nn.metrics import OneVersusRestAUC

        return OneVersusRestAUC(signature.classes, self.num_thresholds, name="auc")


class ConfusionMetric(Metric):
    """A metric that follows from counts of right and wrong answers per class."""

    type: Literal["precision", "recall", "f1"]

    def build(self, signature: Signature, head: Head) -> keras.metrics.Metric:
        from deepcli.nn.metrics import ConfusionScore

        return ConfusionScore(self.type, signature.classes, name=self.type)


@METRICS.register
class Precision(ConfusionMetric):
    """Share of right ones among those predicted as class 1; with more classes the mean over all (macro)."""

    type: Literal["precision"] = "precision"


@METRICS.register
class Recall(ConfusionMetric):
    """Share of class 1 that is found; with more classes the mean over all (macro)."""

    type: Literal["recall"] = "recall"


@METRICS.register
class F1(ConfusionMetric):
    """Harmonic mean of precision and recall of class 1; with more classes the mean over all (macro)."""

    type: Literal["f1"] = "f1"
