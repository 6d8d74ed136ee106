"""Regression: one number or several for each example."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from deepcli.data.schema import TargetKind
from deepcli.data.signature import Signature
from deepcli.models.heads import Head, NumberHead
from deepcli.optim.losses import Loss
from deepcli.spec.registry import Issue
from deepcli.tasks.base import TASKS, Task
from deepcli.tasks.interpreting import Interpreter, NumberInterpreter
from deepcli.tasks.usage_code import NUMBERS, UsageCode, written

if TYPE_CHECKING:
    import keras
    import numpy as np

    from deepcli.evaluation.assumed_outputs import Assumption
    from deepcli.evaluation.predictions_base import AnyPredictions


@TASKS.register
class Regression(Task):
    """One number or several for each example, such as a price.

    The loss compares standardized numbers; metrics, scores and predictions are in the units of the data.
    """

    type: Literal["regression"] = "regression"

    takes: ClassVar[tuple[TargetKind, ...]] = ("numbers",)
    reads: ClassVar[TargetKind | None] = "numbers"
    losses: ClassVar[tuple[str, ...]] = ("mean_squared_error", "mean_absolute_error", "huber", "log_cosh")
    difference_unit: ClassVar[str] = "standard deviations of the target"
    metrics: ClassVar[tuple[str, ...]] = ("root_mean_squared_error", "mean_absolute_error", "r2_score")

    headline: ClassVar[str] = "rmse"
    free_when_right: ClassVar[bool] = False

    def check_loss(self, loss: Loss, signature: Signature) -> Iterator[Issue]:
        yield from super().check_loss(loss, signature)
        if loss.type == "auto" and getattr(loss, "label_smoothing", None):
            yield ("label_smoothing",), "numbers have no classes to smooth; leave it out"

    def target_form(self, signature: Signature) -> tuple[tuple[int, ...], str]:
        return (len(signature.predicted.names),), "float32"

    def head(self, loss: Loss, signature: Signature) -> Head:
        target = signature.predicted
        return NumberHead(len(target.names), "linear", target.means, target.scales)

    def build_loss(self, loss: Loss, signature: Signature) -> keras.losses.Loss:
        from deepcli.nn.losses import Standardized

        target = signature.predicted
        return Standardized(loss.plain(), target.means, target.scales)

    def predictions(
        self, signature: Signature, ids: np.ndarray, targets: np.ndarray, outputs: np.ndarray, model: keras.Model | None
    ) -> AnyPredictions:
        from deepcli.evaluation.number_predictions import NumberPredictions

        return NumberPredictions(ids, targets, outputs, signature.predicted.names)

    def assumed(self, signature: Signature, head: Head, targets: np.ndarray, assumption: Assumption) -> np.ndarray:
        from deepcli.evaluation.assumed_outputs import assumed_numbers

        return assumed_numbers(targets, signature.predicted.means, signature.predicted.scales, assumption)

    def interpreter(self, signature: Signature, names: list[str], head: Head, top_k: int | None) -> Interpreter:
        return NumberInterpreter(names)

    def usage_code(self, names: list[str], model: keras.Model) -> UsageCode:
        return UsageCode("numbers", f"NUMBERS = {written(names)}", NUMBERS, {"numbers": names})

    def difference(self, signature: Signature, outputs: np.ndarray, expected: np.ndarray) -> float:
        import numpy as np

        scales = signature.predicted.scales or 1.0
        return super().difference(signature, outputs / np.asarray(scales), expected / np.asarray(scales))
