"""Classification: one of two or more classes; and ordinal classification, whose classes have an order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from deepcli.data.schema import TargetKind
from deepcli.data.signature import Signature
from deepcli.errors import DataError
from deepcli.models.heads import Head, LevelHead
from deepcli.optim.losses import LOSSES, Loss
from deepcli.tasks.base import TASKS, Task
from deepcli.tasks.interpreting import ClassInterpreter, Interpreter, LevelInterpreter, median_levels
from deepcli.tasks.usage_code import CLASSES, LEVELS, UsageCode, written

if TYPE_CHECKING:
    import keras
    import numpy as np

    from deepcli.evaluation.assumed_outputs import Assumption
    from deepcli.evaluation.predictions_base import AnyPredictions


@TASKS.register
class Classification(Task):
    """One of two or more classes for each example."""

    type: Literal["classification", "ordinal"] = "classification"

    takes: ClassVar[tuple[TargetKind, ...]] = ("classes", "levels")
    reads: ClassVar[TargetKind | None] = "classes"
    losses: ClassVar[tuple[str, ...]] = (
        "sparse_categorical_crossentropy", "categorical_crossentropy", "binary_crossentropy", "mean_squared_error",
        "mean_absolute_error", "huber", "kl_divergence", "hinge", "categorical_focal_crossentropy",
        "binary_focal_crossentropy",
    )  # fmt: skip
    metrics: ClassVar[tuple[str, ...]] = ("accuracy", "top_k_accuracy", "auc", "precision", "recall", "f1")
    weighs_classes: ClassVar[bool] = True

    def choose_loss(self, loss: Loss, signature: Signature) -> Loss:
        # A plugin's loss may be made from `auto`, and has a `build` of its own.
        return loss.resolve(signature) if loss.type == "auto" else loss

    def head(self, loss: Loss, signature: Signature) -> Head:
        return loss.head(signature)

    def build_loss(self, loss: Loss, signature: Signature) -> keras.losses.Loss:
        return loss.build(signature)

    def predictions(
        self, signature: Signature, ids: np.ndarray, targets: np.ndarray, outputs: np.ndarray, model: keras.Model | None
    ) -> AnyPredictions:
        from deepcli.evaluation.predictions import Predictions

        return Predictions(ids, targets, outputs)

    def threshold_issue(self, signature: Signature) -> str | None:
        if signature.classes == 2:
            return None
        return f"is for two classes or for labels; these data have {signature.classes} classes, the likeliest of which is the answer"

    def decide(self, predictions: Any, threshold: float | None, validation: Any) -> AnyPredictions:
        from deepcli.evaluation.decided_predictions import DecidedPredictions
        from deepcli.evaluation.thresholds import choose_threshold

        if predictions.distribution is None:
            raise DataError("the model's outputs are not probabilities, so that a threshold has no meaning")
        if threshold is None:
            if not validation.support[1]:
                raise DataError("the validation split has no example of the second class, so that no threshold is best")
            threshold = choose_threshold(validation)
        return DecidedPredictions(predictions.ids, predictions.labels, predictions.probabilities, threshold)

    def calibration_issue(self, signature: Signature) -> str | None:
        return None

    def interpreter(self, signature: Signature, names: list[str], head: Head, top_k: int | None) -> Interpreter:
        value = "probability" if head.activation in ("softmax", "sigmoid") else "output"
        return ClassInterpreter(names, top_k, value)

    def usage_code(self, names: list[str], model: keras.Model) -> UsageCode:
        return UsageCode("the classes", f"CLASSES = {written(names)}", CLASSES, {"classes": names})

    def accuracy(self, outputs: np.ndarray, targets: np.ndarray) -> float | None:
        from deepcli.evaluation.predictions import by_class

        return float((by_class(outputs).argmax(axis=1) == targets).mean())


@TASKS.register
class Ordinal(Classification):
    """One of several ordered levels for each example, such as grades; a near miss is better than a far one.

    The model has one output, compared with learned thresholds (the proportional odds model, McCullagh 1980), and answers
    the median level.
    """

    type: Literal["ordinal"] = "ordinal"
    headline: ClassVar[str] = "mae_steps"

    takes: ClassVar[tuple[TargetKind, ...]] = ("levels", "classes")
    reads: ClassVar[TargetKind | None] = "levels"
    losses: ClassVar[tuple[str, ...]] = (
        "sparse_categorical_crossentropy", "categorical_crossentropy", "mean_squared_error", "mean_absolute_error", "huber",
        "kl_divergence", "categorical_focal_crossentropy",
    )  # fmt: skip
    metrics: ClassVar[tuple[str, ...]] = ("accuracy", "top_k_accuracy", "auc")

    def choose_loss(self, loss: Loss, signature: Signature) -> Loss:
        if loss.type != "auto":
            return loss
        smoothing = getattr(loss, "label_smoothing", 0.0)
        smooth = {"type": "categorical_crossentropy", "label_smoothing": smoothing}
        return LOSSES.select(smooth if smoothing else self.losses[0])

    def head(self, loss: Loss, signature: Signature) -> Head:
        return LevelHead(1, "linear", signature.classes)

    def adapt(self, model: keras.Model, train: np.ndarray) -> None:
        from deepcli.nn.output_layers import set_level_shares

        set_level_shares(model, train)

    def predictions(
        self, signature: Signature, ids: np.ndarray, targets: np.ndarray, outputs: np.ndarray, model: keras.Model | None
    ) -> AnyPredictions:
        from deepcli.evaluation.level_predictions import LevelPredictions

        return LevelPredictions(ids, targets, outputs)

    def assumed(self, signature: Signature, head: Head, targets: np.ndarray, assumption: Assumption) -> np.ndarray:
        from deepcli.evaluation.assumed_outputs import assumed_outputs

        return assumed_outputs(self.takes[0], targets, head.outputs, assumption)

    def threshold_issue(self, signature: Signature) -> str | None:
        return f"is for two classes or for labels; {self.type} answers the median level"

    def calibration_issue(self, signature: Signature) -> str | None:
        return f"is for classification; a temperature could change the answers of {self.type}, which are median levels"

    def interpreter(self, signature: Signature, names: list[str], head: Head, top_k: int | None) -> Interpreter:
        return LevelInterpreter(names, top_k)

    def usage_code(self, names: list[str], model: keras.Model) -> UsageCode:
        return UsageCode("the levels", f"LEVELS = {written(names)}  # in order", LEVELS, {"levels": names})

    def accuracy(self, outputs: np.ndarray, targets: np.ndarray) -> float | None:
        return float((median_levels(outputs) == targets).mean())
