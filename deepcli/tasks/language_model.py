"""Language models: the probability of each token of a text, given those before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from deepcli.data.schema import UNKNOWN_TOKEN, TargetKind
from deepcli.data.signature import Signature
from deepcli.models.heads import Head
from deepcli.optim.losses import Loss
from deepcli.tasks.base import TASKS
from deepcli.tasks.interpreting import Interpreter
from deepcli.tasks.next_tokens import TokenInterpreter
from deepcli.tasks.token_task import TokenTask
from deepcli.tasks.usage_code import TOKENS, UsageCode

if TYPE_CHECKING:
    import keras
    import numpy as np

    from deepcli.data.arrays.splits import Split
    from deepcli.evaluation.token_predictions import TokenPredictions


@TASKS.register
class LanguageModel(TokenTask):
    """The next token of a text, at each place: a character, a word or a byte.

    A model's outputs are logits. The loss of validation and test is the plain cross-entropy in nats, whatever the loss of
    training; `deepcli generate` continues texts.
    """

    type: Literal["language_model"] = "language_model"

    takes: ClassVar[tuple[TargetKind, ...]] = ("tokens",)
    source: ClassVar[str] = "text"
    called: ClassVar[str] = "a language model"

    def target_form(self, signature: Signature) -> tuple[tuple[int, ...], str]:
        return (signature.shape[0] or 1,), "int32"

    def head(self, loss: Loss, signature: Signature) -> Head:
        return Head(signature.classes, "linear")

    def build_loss(self, loss: Loss, signature: Signature) -> keras.losses.Loss:
        from deepcli.nn.token_losses import TokenCrossentropy

        return TokenCrossentropy(getattr(loss, "label_smoothing", 0.0))

    def kept(self, signature: Signature) -> Callable[[Any, Any], Any]:
        from deepcli.nn.token_losses import signed_nats

        return signed_nats(signature.unscored)

    def predictions(
        self, signature: Signature, ids: np.ndarray, targets: np.ndarray, outputs: np.ndarray, model: keras.Model | None
    ) -> TokenPredictions:
        import numpy as np

        from deepcli.evaluation.token_predictions import TokenPredictions

        return TokenPredictions(ids, targets, outputs, np.ones(1))

    def predicted(
        self, signature: Signature, split: Split, outputs: np.ndarray, model: keras.Model | None
    ) -> TokenPredictions:
        import numpy as np

        found = self.predictions(signature, split.ids, split.y, outputs, model)
        return found if split.text is None else replace(found, characters=np.array([split.text.characters]))

    def trivial(self, signature: Signature, train: np.ndarray, split: Split) -> dict[str, np.ndarray]:
        from deepcli.evaluation.unigrams import unigram_nats

        return {"token shares": unigram_nats(train, split.y, signature.classes, signature.unscored)}

    def usage_code(self, names: list[str], model: keras.Model) -> UsageCode:
        unknown = [0] if names[:1] == [UNKNOWN_TOKEN] else []
        constants = (
            f"UNKNOWN = {unknown}  # tokens that are never written\n"
            "TEMPERATURE = 0.8  # below 1 is likelier and duller; 0 always takes the likeliest token\n"
            "RANDOM = np.random.RandomState(0)  # equal seeds write equal texts"
        )
        return UsageCode("continuations", constants, TOKENS, {"outputs": "logits of the token after each token"})

    def interpreter(self, signature: Signature, names: list[str], head: Head, top_k: int | None) -> Interpreter:
        return TokenInterpreter(names, top_k)
