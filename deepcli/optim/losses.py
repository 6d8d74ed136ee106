"""Losses that a spec can name; each says which output layer it needs. Labels are always class numbers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from deepcli.data.signature import Signature
from deepcli.models.base import Head
from deepcli.spec.fields import NonNegative, PositiveFloat, Rate
from deepcli.spec.registry import Component, Issue, Registry

if TYPE_CHECKING:
    import keras


class Loss(Component):
    """A function of predicted probabilities and class numbers that training minimizes."""

    def check(self, signature: Signature) -> Iterator[Issue]:
        """Yield what does not fit the data, by field."""
        yield from ()

    def head(self, signature: Signature) -> Head:
        """Return the output layer that the loss needs; by default, a softmax over the classes."""
        return Head(signature.classes, "softmax")

    @abstractmethod
    def build(self, signature: Signature) -> keras.losses.Loss:
        """Build the Keras loss: labels (batch,), probabilities (batch, units)."""


LOSSES: Registry[Loss] = Registry("losses", default="auto")


class Smoothed(Loss):
    """A cross-entropy with label smoothing."""

    label_smoothing: Rate = Field(0.0, description="Fraction of each label that is spread over all classes.")


@LOSSES.register
class Auto(Smoothed):
    """Cross-entropy chosen by the data set: binary for two classes, categorical for more."""

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
    """Cross-entropy over all classes, computed directly from class numbers."""

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

        from deepcli.nn.losses import OneHot

        return OneHot(keras.losses.CategoricalCrossentropy(label_smoothing=self.label_smoothing), signature.classes)


@LOSSES.register
class BinaryCrossentropy(Smoothed):
    """Cross-entropy of a single output probability; for two classes."""

    type: Literal["binary_crossentropy"] = "binary_crossentropy"

    def check(self, signature: Signature) -> Iterator[Issue]:
        if signature.classes != 2:
            yield (), f"is for two classes; these data have {signature.classes}"

    def head(self, signature: Signature) -> Head:
        return Head(1, "sigmoid")

    def build(self, signature: Signature) -> keras.losses.Loss:
        import keras

        from deepcli.nn.losses import Column

        return Column(keras.losses.BinaryCrossentropy(label_smoothing=self.label_smoothing))


class OneHotLoss(Loss):
    """A loss on one-hot targets and the probabilities of all classes."""

    KERAS: ClassVar[str]

    def build(self, signature: Signature) -> keras.losses.Loss:
        import keras

        from deepcli.nn.losses import OneHot

        loss = getattr(keras.losses, self.KERAS)(**self.model_dump(exclude={"type"}))
        return OneHot(loss, signature.classes)


@LOSSES.register
class MeanSquaredError(OneHotLoss):
    """Mean squared difference to one-hot targets (the Brier score, over the number of classes)."""

    type: Literal["mean_squared_error"] = "mean_squared_error"

    KERAS: ClassVar[str] = "MeanSquaredError"


@LOSSES.register
class MeanAbsoluteError(OneHotLoss):
    """Mean absolute difference to one-hot targets."""

    type: Literal["mean_absolute_error"] = "mean_absolute_error"

    KERAS: ClassVar[str] = "MeanAbsoluteError"


@LOSSES.register
class Huber(OneHotLoss):
    """Quadratic for small differences to one-hot targets, linear for large ones (Huber 1964)."""

    type: Literal["huber"] = "huber"
    delta: PositiveFloat = Field(1.0, description="Difference at which the loss becomes linear.")

    KERAS: ClassVar[str] = "Huber"


@LOSSES.register
class KlDivergence(OneHotLoss):
    """Kullback-Leibler divergence from one-hot targets."""

    type: Literal["kl_divergence"] = "kl_divergence"

    KERAS: ClassVar[str] = "KLDivergence"


@LOSSES.register
class Hinge(OneHotLoss):
    """Margin between the probability of the label and of the most likely other class (Crammer & Singer 2001)."""

    type: Literal["hinge"] = "hinge"

    KERAS: ClassVar[str] = "CategoricalHinge"


@LOSSES.register
class CategoricalFocalCrossentropy(OneHotLoss):
    """Focal loss: cross-entropy over all classes that gives hard examples more weight (Lin et al. 2017)."""

    type: Literal["categorical_focal_crossentropy"] = "categorical_focal_crossentropy"
    alpha: Annotated[float, Field(gt=0, le=1)] = Field(0.25, description="Weight of every class.")
    gamma: NonNegative = Field(2.0, description="Down-weighting of easy examples; 0 is plain cross-entropy.")
    label_smoothing: Rate = Field(0.0, description="Fraction of each label that is spread over all classes.")

    KERAS: ClassVar[str] = "CategoricalFocalCrossentropy"

    def check(self, signature: Signature) -> Iterator[Issue]:
        if signature.classes == 2:
            yield (), "is for more than two classes; use binary_focal_crossentropy for these data"


@LOSSES.register
class BinaryFocalCrossentropy(BinaryCrossentropy):
    """Focal loss: cross-entropy of a single output probability that gives hard examples more weight (Lin et al. 2017)."""

    type: Literal["binary_focal_crossentropy"] = "binary_focal_crossentropy"  # type: ignore[assignment]
    apply_class_balancing: bool = Field(False, description="Weight the two classes by `alpha`.")
    alpha: Annotated[float, Field(gt=0, lt=1)] = Field(0.25, description="Weight of class 1; class 0 has 1 - alpha.")
    gamma: NonNegative = Field(2.0, description="Down-weighting of easy examples; 0 is plain cross-entropy.")

    def build(self, signature: Signature) -> keras.losses.Loss:
        import keras

        from deepcli.nn.losses import Column

        return Column(keras.losses.BinaryFocalCrossentropy(**self.model_dump(exclude={"type"})))
