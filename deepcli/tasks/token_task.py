"""What tasks have in common whose models give the probability of each token, one after another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from deepcli.data.signature import Signature
from deepcli.models.heads import Head
from deepcli.optim.losses import Loss
from deepcli.spec.registry import Issue
from deepcli.tasks.base import Task

if TYPE_CHECKING:
    import numpy as np

    from deepcli.evaluation.assumed_outputs import Assumption


class TokenTask(Task):
    """A task whose outputs are logits of each token; `kept` keeps the cross-entropy of each, of which scores are made.

    Attributes:
        called: What messages call it.
    """

    called: ClassVar[str]

    losses: ClassVar[tuple[str, ...]] = ("sparse_categorical_crossentropy", "categorical_crossentropy")
    metrics: ClassVar[tuple[str, ...]] = ("perplexity", "accuracy")
    headline: ClassVar[str] = "perplexity"

    def check_loss(self, loss: Loss, signature: Signature) -> Iterator[Issue]:
        yield from super().check_loss(loss, signature)
        if loss.type == "auto" and getattr(loss, "label_smoothing", None):
            yield ("label_smoothing",), f"needs `type: categorical_crossentropy` in {self.called}"

    def measured(self, predictions: Any, metrics: Sequence[str]) -> dict[str, float]:
        from deepcli.evaluation.scores import SCORES

        return {"loss": predictions.loss, **{name: SCORES.select(name).measure(predictions) for name in metrics}}

    def assumed(self, signature: Signature, head: Head, targets: np.ndarray, assumption: Assumption) -> np.ndarray:
        import numpy as np

        from deepcli.evaluation.assumed_outputs import assumed_outputs

        flat = targets.reshape(-1).astype(np.int64)
        if assumption.noise is not None:  # of each example; each of its tokens gets the same
            assumption = replace(assumption, noise=np.repeat(assumption.noise, targets.shape[1], axis=0))
        return assumed_outputs("classes", flat, head.outputs, assumption, True).reshape(*targets.shape, -1)
