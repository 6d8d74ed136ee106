"""Losses that a spec can name. Where classes are predicted, each says which output layer it needs.

A task decides what a loss compares: class numbers and probabilities as here, or the numbers and labels of other tasks.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from deepcli.data.signature import Signature
from deepcli.models.heads import Head
from deepcli.spec.fields import NonNegative, PositiveFloat, Rate
from deepcli.spec.registry import Component, Issue, Registry

if TYPE_CHECKING:
    import keras


class Loss(Component):
    """A function of predictions and targets that training minimizes.

    Attributes:
        tasks: The tasks that it is for, besides those that name it.
    """

    tasks: ClassVar[tuple[str, ...]] = ("classification",)

    def check(self, signature: Signature) -> Iterator[Issue]:
        """Yield what does not fit the data, by field."""
        yield from ()

    def resolve(self, signature: Signature) -> Loss:
        """Return the loss that it stands for: itself, unless it is `auto`."""
        return self

    def head(self, signature: Signature) -> Head:
        """Return the output layer that the loss needs for classes; by default, a softmax over them."""
        return Head(signature.classes, "softmax")

    @abstractmethod
    def build(self, signature: Signature) -> keras.losses.Loss:
        """Build the Keras loss for classes: labels (batch,), probabilities (batch, units)."""

    def plain(self) -> keras.losses.Loss:
        """Build the Keras loss for tasks whose targets and predictions have the same shape, (batch, outputs).

        Raises:
            TypeError: The loss is for classes only.
        """
        raise TypeError(f"{self.type} is a loss of classes only")


LOSSES: Registry[Loss] = Registry("losses", default="auto")


class Smoothed(Loss):
    """A cross-entropy with label smoothing."""

    label_smoothing: Rate = Field(0.0, description="Fraction of each label that is spread over all classes.")


@LOSSES.register
class Auto(Smoothed):
    """Cross-entropy chosen by the data set: binary for two classes, categorical for more."""

    type: Literal["auto"] = "auto"

    def resolve(self, signature: Signature) -> Loss:
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
    """Cross-entropy of a single output probability, for two classes; or of the probability of every label."""

    type: Literal["binary_crossentropy"] = "binary_crossentropy"

    def check(self, signature: Signature) -> Iterator[Issue]:
        if signature.predicted.kind == "inputs":
            if signature.kind != "image":
                yield (), "is for pixels from 0 to 1; use mean_squared_error for columns of numbers"
        elif signature.classes != 2:
            yield (), f"is for two classes; these data have {signature.classes}"

    def head(self, signature: Signature) -> Head:
        return Head(1, "sigmoid")

    def build(self, signature: Signature) -> keras.losses.Loss:
        from deepcli.nn.losses import ColumnTargets

        return ColumnTargets(self.plain())

    def plain(self) -> keras.losses.Loss:
        import keras

        return keras.losses.BinaryCrossentropy(label_smoothing=self.label_smoothing)


class OneHotLoss(Loss):
    """A loss on one-hot targets and the probabilities of all classes, or on numbers."""

    KERAS: ClassVar[str]

    def build(self, signature: Signature) -> keras.losses.Loss:
        from deepcli.nn.losses import OneHot

        return OneHot(self.plain(), signature.classes)

    def plain(self) -> keras.losses.Loss:
        import keras

        loss: keras.losses.Loss = getattr(keras.losses, self.KERAS)(**self.model_dump(exclude={"type"}))
        return loss


@LOSSES.register
class MeanSquaredError(OneHotLoss):
    """Mean squared difference to numbers, or to one-hot targets (the Brier score, over the number of classes)."""

    type: Literal["mean_squared_error"] = "mean_squared_error"

    KERAS: ClassVar[str] = "MeanSquaredError"


@LOSSES.register
class MeanAbsoluteError(OneHotLoss):
    """Mean absolute difference to numbers, or to one-hot targets."""

    type: Literal["mean_absolute_error"] = "mean_absolute_error"

    KERAS: ClassVar[str] = "MeanAbsoluteError"


@LOSSES.register
class Huber(OneHotLoss):
    """Quadratic for small differences to numbers or one-hot targets, linear for large ones (Huber 1964)."""

    type: Literal["huber"] = "huber"
    delta: PositiveFloat = Field(1.0, description="Difference at which the loss becomes linear.")

    KERAS: ClassVar[str] = "Huber"


@LOSSES.register
class LogCosh(OneHotLoss):
    """Logarithm of the hyperbolic cosine of the difference to numbers: like `huber`, but smooth."""

    type: Literal["log_cosh"] = "log_cosh"

    KERAS: ClassVar[str] = "LogCosh"
    tasks: ClassVar[tuple[str, ...]] = ("regression",)


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
        from deepcli.nn.losses import ColumnTargets

        return ColumnTargets(self.plain())

    def plain(self) -> keras.losses.Loss:
        import keras

        return keras.losses.BinaryFocalCrossentropy(**self.model_dump(exclude={"type"}))


@LOSSES.register
class Quantile(Loss):
    """Pinball loss of the quantiles that `task.quantiles` names (Koenker & Bassett 1978), of standardized numbers."""

    type: Literal["quantile"] = "quantile"
    tasks: ClassVar[tuple[str, ...]] = ("forecasting",)

    def build(self, signature: Signature) -> keras.losses.Loss:
        raise TypeError(f"{self.type} is a loss of forecasts only")
