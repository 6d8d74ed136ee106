"""Sequence to sequence: the target of an input, such as its translation, token by token."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from deepcli.data.schema import TargetKind
from deepcli.data.signature import Signature
from deepcli.models.heads import Head, SequenceHead
from deepcli.optim.losses import Loss
from deepcli.spec.fields import NonNegative, Positive
from deepcli.tasks.base import TASKS
from deepcli.tasks.interpreting import Interpreter
from deepcli.tasks.token_task import TokenTask
from deepcli.tasks.translations import TranslationInterpreter
from deepcli.tasks.usage_code import WRITTEN, UsageCode

if TYPE_CHECKING:
    import keras
    import numpy as np

    from deepcli.data.arrays.splits import Split
    from deepcli.evaluation.sequence_predictions import SequencePredictions


@TASKS.register
class SequenceToSequence(TokenTask):
    """The target of each input: a translation, an answer, a spelling.

    A model learns each token of a target after the right ones before it (teacher forcing), and writes targets of its own by
    beam search. Its outputs are logits. The loss of validation and test is the plain cross-entropy of a token in nats,
    whatever the loss of training.
    """

    type: Literal["sequence_to_sequence"] = "sequence_to_sequence"
    beam: Positive = Field(
        4, description="Unfinished targets that a search keeps of each input; 1 always takes the likeliest token."
    )
    length_penalty: NonNegative = Field(
        0.6, description="How much a search favours long targets (Wu et al. 2016); 0 compares probabilities alone."
    )

    takes: ClassVar[tuple[TargetKind, ...]] = ("sequence",)
    source: ClassVar[str] = "pairs"
    called: ClassVar[str] = "sequence_to_sequence"

    def target_form(self, signature: Signature) -> tuple[tuple[int, ...], str]:
        return (signature.shape[1] or 1,), "int32"

    def head(self, loss: Loss, signature: Signature) -> Head:
        return SequenceHead(signature.classes, "linear")

    def build_loss(self, loss: Loss, signature: Signature) -> keras.losses.Loss:
        from deepcli.nn.pair_losses import SequenceCrossentropy

        return SequenceCrossentropy(getattr(loss, "label_smoothing", 0.0))

    def kept(self, signature: Signature) -> Callable[[Any, Any], Any]:
        from deepcli.nn.pair_losses import signed_sequence_nats

        return signed_sequence_nats(signature.unscored)

    def predictions(
        self, signature: Signature, ids: np.ndarray, targets: np.ndarray, outputs: np.ndarray, model: keras.Model | None
    ) -> SequencePredictions:
        from deepcli.evaluation.sequence_predictions import SequencePredictions, joined_lines

        nothing = joined_lines([])
        return SequencePredictions(ids, targets, outputs, nothing, nothing, nothing)

    def predicted(
        self, signature: Signature, split: Split, outputs: Any, model: keras.Model | None
    ) -> SequencePredictions:
        from deepcli.evaluation.nearest_baseline import WrittenOutputs
        from deepcli.evaluation.sequence_predictions import joined_lines

        if isinstance(outputs, WrittenOutputs):
            found = self.predicted(signature, split, outputs.nats, model)
            return replace(found, translations=joined_lines(outputs.texts))
        found = self.predictions(signature, split.ids, split.y, outputs, model)
        if split.pairs is None:
            return found
        return replace(found, sources=joined_lines(split.pairs.sources), references=joined_lines(split.pairs.targets))

    def trivial(self, signature: Signature, train: np.ndarray, split: Split) -> dict[str, np.ndarray]:
        from deepcli.evaluation.unigrams import unigram_nats

        return {"token shares": unigram_nats(train, split.y, signature.classes, 0)}

    def usage_code(self, names: list[str], model: keras.Model) -> UsageCode:
        from deepcli.data.sources.pair_vocabulary import PADDING, START, UNKNOWN

        constants = (
            f"FORBIDDEN = {[PADDING, START, UNKNOWN]}  # tokens that are never written\n"
            f"BEAM = {self.beam}  # unfinished targets that a search keeps; 1 always takes the likeliest token\n"
            f"LENGTH_PENALTY = {self.length_penalty}  # how much long targets are favoured (Wu et al. 2016)"
        )
        return UsageCode("targets", constants, WRITTEN, {"outputs": "logits of the token after each token of a target"})

    def interpreter(self, signature: Signature, names: list[str], head: Head, top_k: int | None) -> Interpreter:
        return TranslationInterpreter()
