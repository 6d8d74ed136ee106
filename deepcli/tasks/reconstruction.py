"""Reconstruction: the inputs themselves, from a code of few numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from deepcli.data.input_layout import InputLayout
from deepcli.data.schema import Target, TargetKind
from deepcli.data.series import SeriesDataset
from deepcli.data.signature import Signature
from deepcli.data.sources.kinds import kind_at
from deepcli.data.table import TableDataset
from deepcli.models.heads import Head, InputHead
from deepcli.optim.losses import LOSSES, Loss
from deepcli.optim.losses import Auto as AutoLoss
from deepcli.spec.registry import Issue
from deepcli.tasks.base import TASKS, Predict, Task
from deepcli.tasks.error_answers import CodeInterpreter, ErrorInterpreter
from deepcli.tasks.interpreting import Interpreter
from deepcli.tasks.usage_code import INPUTS, UsageCode

if TYPE_CHECKING:
    import keras
    import numpy as np

    from deepcli.data.arrays.splits import Split
    from deepcli.evaluation.assumed_outputs import Assumption
    from deepcli.evaluation.input_predictions import InputPredictions


@TASKS.register
class Reconstruction(Task):
    """The inputs themselves: an autoencoder learns a code of few numbers from which it gives them back.

    Examples need no labels; those that there are colour pictures of the codes. Pixels are compared from 0 to 1; numbers of a
    table and of series standardized, and categories by a value of 0 or 1 for each. The reconstruction error of an example, a
    mean squared error, says how unusual it is. A table with `data.window` or `data.time` is read as time series.
    """

    type: Literal["reconstruction"] = "reconstruction"

    takes: ClassVar[tuple[TargetKind, ...]] = ("inputs",)
    reads: ClassVar[TargetKind | None] = "inputs"
    losses: ClassVar[tuple[str, ...]] = ("mean_squared_error", "binary_crossentropy", "mean_absolute_error", "huber")
    metrics: ClassVar[tuple[str, ...]] = ("mean_squared_error", "mean_absolute_error", "binary_crossentropy")
    headline: ClassVar[str] = "mean_squared_error"
    free_when_right: ClassVar[bool] = False

    def source_of(self, section: Mapping[str, Any]) -> str:
        only_series = set(SeriesDataset.model_fields) - set(TableDataset.model_fields)
        return "series" if kind_at(section["path"]) == "table" and only_series & set(section) else ""

    def posed(self, signature: Signature) -> Signature:
        found = signature.predicted
        if found.kind == "inputs":
            return signature
        names = found.names if found.kind == "classes" else ()
        return replace(signature, target=Target(kind="inputs", names=names))

    def check(self, signature: Signature) -> Iterator[Issue]:
        yield from super().check(signature)
        if signature.kind not in ("image", "features", "series"):
            what = "a running text" if signature.kind == "text" else "texts"
            yield (), f"{self.type} gives back images, tables and series; these data are {what}"
        elif signature.augmentation is not None:
            yield ("augmentation",), "would change inputs and not what they are compared with; use model.noise"

    def check_loss(self, loss: Loss, signature: Signature) -> Iterator[Issue]:
        yield from super().check_loss(loss, signature)
        if getattr(loss, "label_smoothing", None):
            yield ("label_smoothing",), "is for labels; the targets here are inputs; leave it out"

    def choose_loss(self, loss: Loss, signature: Signature) -> Loss:
        if loss.type != "auto":
            return loss
        return LOSSES.select("binary_crossentropy" if signature.kind == "image" else self.losses[0])

    def target_form(self, signature: Signature) -> tuple[tuple[int, ...], str]:
        shape = tuple(size or 1 for size in signature.shape)
        return shape, "uint8" if signature.kind == "image" else "float32"

    def head(self, loss: Loss, signature: Signature) -> Head:
        layout = InputLayout.of(signature)
        return InputHead(layout.width, "linear", layout)

    def build_loss(self, loss: Loss, signature: Signature) -> keras.losses.Loss:
        from deepcli.nn.input_errors import InputLoss

        return InputLoss(InputLayout.of(signature).plain(), loss.type, getattr(loss, "delta", 1.0))

    def kept(self, signature: Signature) -> Callable[[Any, Any], Any]:
        return self.kept_with(self.choose_loss(AutoLoss(), signature), signature)

    def kept_with(self, loss: Loss, signature: Signature) -> Callable[[Any, Any], Any]:
        from deepcli.nn.input_errors import kept_errors

        return kept_errors(InputLayout.of(signature), loss.type, getattr(loss, "delta", 1.0))

    def predictions(
        self, signature: Signature, ids: np.ndarray, targets: np.ndarray, outputs: np.ndarray, model: keras.Model | None
    ) -> InputPredictions:
        from deepcli.evaluation.input_predictions import InputPredictions

        return InputPredictions.of(ids, targets, outputs)

    def predicted(
        self, signature: Signature, split: Split, outputs: np.ndarray, model: keras.Model | None
    ) -> InputPredictions:
        return self.predictions(signature, split.ids, split.y, outputs, model).labelled(split.labels)

    def examined(
        self, predictions: Any, signature: Signature, split: Split, model: keras.Model, predict: Predict
    ) -> InputPredictions:
        from deepcli.data.arrays.splits import Tokens
        from deepcli.evaluation.shown_inputs import CoderParts, examine, window_times
        from deepcli.nn.coding import decoder_of, encoder_of, is_variational

        decoder = decoder_of(model) if is_variational(model) else None
        parts = CoderParts(
            partial(predict, encoder_of(model)),
            partial(predict, model),
            None if decoder is None else partial(predict, decoder),
        )
        assert not isinstance(split.x, Tokens)
        return examine(predictions, split.x, parts, window_times(split, signature))

    def measured(self, predictions: Any, metrics: Sequence[str]) -> dict[str, float]:
        return {name: predictions.mean(name) for name in ("loss", *metrics)}

    def trivial(self, signature: Signature, train: np.ndarray, split: Split) -> dict[str, np.ndarray]:
        from deepcli.evaluation.input_baselines import mean_errors

        return {"mean input": mean_errors(InputLayout.of(signature), train, split.y)}

    def tune(self, model: keras.Model, predictions: Any) -> None:
        from deepcli.nn.coding import set_usual_errors

        set_usual_errors(model, predictions.errors[:, 0])

    def assumed(self, signature: Signature, head: Head, targets: np.ndarray, assumption: Assumption) -> np.ndarray:
        from deepcli.evaluation.input_values import assumed_inputs

        return assumed_inputs(InputLayout.of(signature), targets, assumption)

    def interpreter(self, signature: Signature, names: list[str], head: Head, top_k: int | None) -> Interpreter:
        return ErrorInterpreter(InputLayout.of(signature))

    def encoder_answers(self, size: int | None) -> Interpreter:
        return super().encoder_answers(size) if size is None else CodeInterpreter(size)

    def usage_code(self, names: list[str], model: keras.Model) -> UsageCode:
        return UsageCode("the reconstructions", "", INPUTS)
