"""Metrics that a spec can name, measured while training and at evaluation."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar, Literal

from deepcli.data.base import Signature
from deepcli.models.base import Head
from deepcli.registry import Component, Registry

if TYPE_CHECKING:
    import keras


class Metric(Component):
    """A figure of merit on predicted probabilities and class numbers; its name is its type."""

    better: ClassVar[Literal["max", "min"]] = "max"

    @abstractmethod
    def build(self, signature: Signature, head: Head) -> keras.metrics.Metric:
        """Build the Keras metric: labels (batch,), probabilities (batch, units)."""


METRICS: Registry[Metric] = Registry("metrics")


@METRICS.register
class Accuracy(Metric):
    """Share of examples whose likeliest class is the label."""

    type: Literal["accuracy"] = "accuracy"

    def build(self, signature: Signature, head: Head) -> keras.metrics.Metric:
        import keras

        if head.units == 1:
            return keras.metrics.BinaryAccuracy(name="accuracy")
        return keras.metrics.SparseCategoricalAccuracy(name="accuracy")
