"""Losses that a spec can name; each says which output layer it needs. Labels are always class numbers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from deepcli.data.base import Signature
from deepcli.fields import Rate
from deepcli.models.base import Head
from deepcli.registry import Component, Misfit, Registry

if TYPE_CHECKING:
    import keras


class Loss(Component):
    """What training makes smaller, on predicted probabilities and class numbers."""

    def check(self, signature: Signature) -> Iterator[Misfit]:
        """Yield what does not fit the data."""
        yield from ()

    def head(self, signature: Signature) -> Head:
        """Say which output layer the loss needs; softmax over the classes unless a loss says otherwise."""
        return Head(signature.classes, "softmax")

    @abstractmethod
    def build(self, signature: Signature) -> keras.losses.Loss:
        """Build the Keras loss: labels (batch,), probabilities (batch, units)."""


LOSSES: Registry[Loss] = Registry("losses", default="auto")


class Smoothed(Loss):
    """A cross-entropy with label smoothing."""

    label_smoothing: Rate = Field(0.0, description="Share of each label that is spread over all classes.")


@LOSSES.register
class Auto(Smoothed):
    """What the data set calls for: binary cross-entropy for two classes, categorical for more."""

    type: Literal["auto"] = "auto"

    def resolve(self, signature: Signature) -> Loss:
        """Return the loss it stands for."""
        if signature.classes == 2:
            return BinaryCrossentropy(label_smoothing=self.label_smoothing)
        if self.label_smoothing:
            return CategoricalCrossentropy(label_smoothing=self.label_smoothing)
        return SparseCategoricalCrossentropy()

    def head(self, signature: Signature) -> Head:
        return self.resolve(signature).head(signature)

    def build(self, signature: Signature) -> keras.losses.Loss:
        return self.resolve(signature).build(signature)


@LOSSES.register
class SparseCategoricalCrossentropy(Loss):
    """Cross-entropy over all classes, straight from class numbers."""

    type: Literal["sparse_categorical_crossentropy"] = "sparse_categorical_crossentropy"

    def build(self, signature: Signature) -> keras.losses.Loss:
        import keras

        return keras.losses.SparseCategoricalCrossentropy()


@LOSSES.register
class CategoricalCrossentropy(Smoothed):
    """Cross-entropy over all classes, from one-hot targets, which can be smoothed."""

    type: Literal["categorical_crossentropy"] = "categorical_crossentropy"

    def build(self, signature: Signature) -> keras.losses.Loss:
        import keras

        from deepcli.optim.targets import OneHot

        return OneHot(keras.losses.CategoricalCrossentropy(label_smoothing=self.label_smoothing), signature.classes)


@LOSSES.register
class BinaryCrossentropy(Smoothed):
    """Cross-entropy of one probability; for two classes."""

    type: Literal["binary_crossentropy"] = "binary_crossentropy"

    def check(self, signature: Signature) -> Iterator[Misfit]:
        if signature.classes != 2:
            yield ("type",), f"is for two classes; these data have {signature.classes}"

    def head(self, signature: Signature) -> Head:
        return Head(1, "sigmoid")

    def build(self, signature: Signature) -> keras.losses.Loss:
        import keras

        from deepcli.optim.targets import Column

        return Column(keras.losses.BinaryCrossentropy(label_smoothing=self.label_smoothing))
