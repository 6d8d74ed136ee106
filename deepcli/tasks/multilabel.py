"""Multilabel classification: any number of labels for each example."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from deepcli.data.schema import TargetKind
from deepcli.data.signature import Signature
from deepcli.models.heads import Head, LabelHead
from deepcli.optim.losses import LOSSES, Loss
from deepcli.tasks.base import TASKS, Task
from deepcli.tasks.interpreting import Interpreter, LabelInterpreter
from deepcli.tasks.usage_code import LABELS, UsageCode, written

if TYPE_CHECKING:
    import keras
    import numpy as np

    from deepcli.evaluation.predictions_base import AnyPredictions


@TASKS.register
class Multilabel(Task):
    """Any number of labels for each example, such as the topics of a text.

    From which probability a label counts as given is chosen on the validation split, for the best F1 of each label.
    """

    type: Literal["multilabel"] = "multilabel"

    takes: ClassVar[tuple[TargetKind, ...]] = ("labels",)
    reads: ClassVar[TargetKind | None] = "labels"
    losses: ClassVar[tuple[str, ...]] = ("binary_crossentropy", "binary_focal_crossentropy")
    metrics: ClassVar[tuple[str, ...]] = ("f1_score", "binary_accuracy", "average_precision")

    headline: ClassVar[str] = "f1_macro"

    def choose_loss(self, loss: Loss, signature: Signature) -> Loss:
        if loss.type != "auto":
            return loss
        return LOSSES.select({"type": self.losses[0], "label_smoothing": getattr(loss, "label_smoothing", 0.0)})

    def target_form(self, signature: Signature) -> tuple[tuple[int, ...], str]:
        return (signature.classes,), "uint8"

    def head(self, loss: Loss, signature: Signature) -> Head:
        return LabelHead(signature.classes, "sigmoid")

    def build_loss(self, loss: Loss, signature: Signature) -> keras.losses.Loss:
        return loss.plain()

    def predictions(
        self, signature: Signature, ids: np.ndarray, targets: np.ndarray, outputs: np.ndarray, model: keras.Model | None
    ) -> AnyPredictions:
        from deepcli.evaluation.label_predictions import LabelPredictions
        from deepcli.nn.output_layers import thresholds_of

        if model is None:
            return LabelPredictions(ids, targets, outputs)
        return LabelPredictions(ids, targets, outputs, thresholds_of(model))

    def tuned(self, predictions: Any, validation: Any) -> Any:
        from dataclasses import replace

        from deepcli.evaluation.thresholds import choose_thresholds

        return replace(predictions, thresholds=choose_thresholds(validation))

    def threshold_issue(self, signature: Signature) -> str | None:
        return None

    def decide(self, predictions: Any, threshold: float | None, validation: Any) -> AnyPredictions:
        from dataclasses import replace

        import numpy as np

        if threshold is None:
            decided: AnyPredictions = self.tuned(predictions, validation)
        else:
            decided = replace(predictions, thresholds=np.full(predictions.labels.shape[1], threshold, np.float32))
        return decided

    def calibration_issue(self, signature: Signature) -> str | None:
        return "is for classification; labels have a threshold each, which belongs to their uncalibrated probabilities"

    def tune(self, model: keras.Model, predictions: Any) -> None:
        from deepcli.evaluation.thresholds import choose_thresholds
        from deepcli.nn.output_layers import set_thresholds

        set_thresholds(model, choose_thresholds(predictions))

    def interpreter(self, signature: Signature, names: list[str], head: Head, top_k: int | None) -> Interpreter:
        return LabelInterpreter(names, top_k)

    def usage_code(self, names: list[str], model: keras.Model) -> UsageCode:
        from deepcli.nn.output_layers import thresholds_of

        thresholds = thresholds_of(model).tolist()
        lines = (
            f"LABELS = {written(names)}\nTHRESHOLDS = {thresholds}  # the probability from which each label is given"
        )
        return UsageCode("the labels", lines, LABELS, {"labels": names, "thresholds": thresholds})
