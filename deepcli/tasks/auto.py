"""The task that follows the data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from deepcli.data.schema import TargetKind
from deepcli.data.signature import Signature
from deepcli.models.heads import Head
from deepcli.optim.losses import Loss
from deepcli.spec.registry import Issue
from deepcli.tasks.base import TASKS, Task
from deepcli.tasks.interpreting import Interpreter

if TYPE_CHECKING:
    import keras
    import numpy as np

    from deepcli.evaluation.predictions_base import AnyPredictions


@TASKS.register
class AutoTask(Task):
    """Follows the data: classification, multilabel, regression, ordinal, language_model, forecasting or another, by what they hold."""

    type: Literal["auto"] = "auto"

    takes: ClassVar[tuple[TargetKind, ...]] = (
        "classes",
        "labels",
        "numbers",
        "levels",
        "tokens",
        "series",
        "inputs",
        "sequence",
    )
    losses: ClassVar[tuple[str, ...]] = ()
    metrics: ClassVar[tuple[str, ...]] = ()

    def resolve(self, signature: Signature) -> Task:
        kind = signature.predicted.kind
        name = next(name for name in TASKS if name != self.type and TASKS[name].takes[0] == kind)
        return TASKS.select(name)

    def check(self, signature: Signature) -> Iterator[Issue]:
        yield from ()

    def head(self, loss: Loss, signature: Signature) -> Head:
        return self.resolve(signature).head(loss, signature)

    def build_loss(self, loss: Loss, signature: Signature) -> keras.losses.Loss:
        return self.resolve(signature).build_loss(loss, signature)

    def predictions(
        self, signature: Signature, ids: np.ndarray, targets: np.ndarray, outputs: np.ndarray, model: keras.Model | None
    ) -> AnyPredictions:
        return self.resolve(signature).predictions(signature, ids, targets, outputs, model)

    def interpreter(self, signature: Signature, names: list[str], head: Head, top_k: int | None) -> Interpreter:
        return self.resolve(signature).interpreter(signature, names, head, top_k)
