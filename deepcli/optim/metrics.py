"""Metrics that a spec can name, measured during training and evaluation."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from deepcli.data.signature import Signature
from deepcli.evaluation.scores import SCORES
from deepcli.models.heads import Head
from deepcli.spec.fields import Positive
from deepcli.spec.registry import Component, Issue, Registry, show

if TYPE_CHECKING:
    import keras


class Metric(Component):
    """A metric of predictions and targets; its name is its type.

    Attributes:
        better: Whether a higher or a lower value is better.
        tasks: The tasks that it is for, besides those that name it.
        of_answers: Whether it counts right answers only, so that `deepcli evaluate --threshold` changes it.
    """

    tasks: ClassVar[tuple[str, ...]] = ("classification",)
    of_answers: ClassVar[bool] = False
    better: ClassVar[Literal["max", "min"]] = "max"

    def check(self, signature: Signature) -> Iterator[Issue]:
        """Yield what does not fit the data, by field."""
        yield from ()

    @abstractmethod
    def build(self, signature: Signature, head: Head) -> keras.metrics.Metric:
        """Build the Keras metric: targets as the task has them, predictions (batch, outputs)."""


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
    """Fraction of examples whose answer is the label: the most likely class, or the median of ordered levels."""

    type: Literal["accuracy"] = "accuracy"
    of_answers: ClassVar[bool] = True

    def build(self, signature: Signature, head: Head) -> keras.metrics.Metric:
        return head.accuracy(self.type)


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
    """Area under the ROC curve: 1 orders classes perfectly, 0.5 is guessing; mean over classes if there are more than two."""

    type: Literal["auc"] = "auc"
    num_thresholds: Positive = Field(200, description="Number of points of the curve.")

    def build(self, signature: Signature, head: Head) -> keras.metrics.Metric:
        from deepcli.nn.metrics import OneVersusRestAUC

        return OneVersusRestAUC(signature.classes, self.num_thresholds, name="auc")


class ConfusionMetric(Metric):
    """A metric computed from the counts of right and wrong predictions per class."""

    type: Literal["precision", "recall", "f1"]
    of_answers: ClassVar[bool] = True

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


class NumberMetric(Metric):
    """A metric of numbers, in the units of the data; the mean over several targets.

    Forecasts of several targets are compared in standard deviations of each in training.
    """

    KERAS: ClassVar[str]
    tasks: ClassVar[tuple[str, ...]] = ("regression",)
    better: ClassVar[Literal["max", "min"]] = "min"

    def build(self, signature: Signature, head: Head) -> keras.metrics.Metric:
        return head.error(self.type, self.KERAS)


@METRICS.register
class MeanAbsoluteErrorMetric(NumberMetric):
    """Mean absolute difference between predicted and true numbers."""

    type: Literal["mean_absolute_error"] = "mean_absolute_error"
    KERAS: ClassVar[str] = "MeanAbsoluteError"


@METRICS.register
class RootMeanSquaredError(NumberMetric):
    """Square root of the mean squared difference between predicted and true numbers."""

    type: Literal["root_mean_squared_error"] = "root_mean_squared_error"
    KERAS: ClassVar[str] = "RootMeanSquaredError"


@METRICS.register
class R2Score(NumberMetric):
    """Share of the variance that is explained: 1 is perfect, 0 as good as the mean."""

    type: Literal["r2_score"] = "r2_score"
    KERAS: ClassVar[str] = "R2Score"
    better: ClassVar[Literal["max", "min"]] = "max"


@METRICS.register
class MeanSquaredErrorMetric(NumberMetric):
    """Mean squared difference between outputs and what is right."""

    type: Literal["mean_squared_error"] = "mean_squared_error"
    KERAS: ClassVar[str] = "MeanSquaredError"
    tasks: ClassVar[tuple[str, ...]] = ("reconstruction",)


@METRICS.register
class BinaryCrossentropyMetric(NumberMetric):
    """Mean binary cross-entropy of pixels from 0 to 1, in nats."""

    type: Literal["binary_crossentropy"] = "binary_crossentropy"
    KERAS: ClassVar[str] = "BinaryCrossentropy"
    tasks: ClassVar[tuple[str, ...]] = ("reconstruction",)

    def check(self, signature: Signature) -> Iterator[Issue]:
        if signature.kind != "image":
            yield (), "is for pixels from 0 to 1; use mean_squared_error"


class LabelMetric(Metric):
    """A metric of labels, of which an example may have several."""

    tasks: ClassVar[tuple[str, ...]] = ("multilabel",)


@METRICS.register
class BinaryAccuracy(LabelMetric):
    """Fraction of labels that are right, over all examples and labels, with 0.5 as the threshold."""

    type: Literal["binary_accuracy"] = "binary_accuracy"

    def build(self, signature: Signature, head: Head) -> keras.metrics.Metric:
        import keras

        return keras.metrics.BinaryAccuracy(name=self.type)


@METRICS.register
class F1Score(LabelMetric):
    """Harmonic mean of precision and recall, with 0.5 as the threshold of every label."""

    type: Literal["f1_score"] = "f1_score"
    average: Literal["micro", "macro", "weighted"] = Field(
        "micro", description="micro counts all labels together; macro is the mean over labels."
    )

    def build(self, signature: Signature, head: Head) -> keras.metrics.Metric:
        import keras

        return keras.metrics.F1Score(average=self.average, threshold=0.5, name=self.type)


@METRICS.register
class MeanAveragePrecision(LabelMetric):
    """Area under the precision-recall curve of each label, mean over labels; approximated at fixed thresholds."""

    type: Literal["average_precision"] = "average_precision"
    num_thresholds: Positive = Field(200, description="Number of points of the curve.")

    def build(self, signature: Signature, head: Head) -> keras.metrics.Metric:
        import keras

        return keras.metrics.AUC(
            num_thresholds=self.num_thresholds,
            curve="PR",
            multi_label=True,
            num_labels=signature.classes,
            name=self.type,
        )


@METRICS.register
class Perplexity(Metric):
    """Exponential of the mean cross-entropy of a token; 1 is certainty, the number of tokens is guessing."""

    type: Literal["perplexity"] = "perplexity"
    tasks: ClassVar[tuple[str, ...]] = ("language_model", "sequence_to_sequence")
    better: ClassVar[Literal["max", "min"]] = "min"

    def build(self, signature: Signature, head: Head) -> keras.metrics.Metric:
        from deepcli.nn.pair_losses import SequencePerplexity
        from deepcli.nn.token_losses import PerplexityMean

        return (SequencePerplexity if signature.kind == "pairs" else PerplexityMean)(self.type)
