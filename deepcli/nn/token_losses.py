"""Losses and scores of the next token, from logits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

register = keras.saving.register_keras_serializable("deepcli")


@register
class PerplexityMean(keras.metrics.Mean):
    """Exponential of the mean cross-entropy: how many equally likely tokens are as uncertain.

    Args:
        name: The name of the metric.
    """

    def __init__(self, name: str = "perplexity", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def update_state(self, targets: Any, logits: Any, sample_weight: Any = None) -> None:
        """Add a batch: int (batch, window) and float32 (batch, window, vocabulary)."""
        super().update_state(ops.sparse_categorical_crossentropy(targets, logits, from_logits=True), sample_weight)

    def result(self) -> Any:
        """Return the perplexity."""
        return ops.exp(super().result())


@register
class TokenCrossentropy(keras.losses.Loss):
    """Mean cross-entropy of next tokens in nats, from logits.

    Args:
        label_smoothing: Fraction of each target that is spread over all tokens.
    """

    def __init__(self, label_smoothing: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**{"name": "crossentropy", **kwargs})
        self.label_smoothing = label_smoothing

    def call(self, targets: Any, logits: Any) -> Any:
        """Return the cross-entropy of each token: int (batch, window) and float (batch, window, vocabulary)."""
        nats = ops.sparse_categorical_crossentropy(targets, logits, from_logits=True)
        if not self.label_smoothing:
            return nats
        spread = ops.logsumexp(logits, axis=-1) - ops.mean(logits, axis=-1)
        return (1 - self.label_smoothing) * nats + self.label_smoothing * spread

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "label_smoothing": self.label_smoothing}


def signed_nats(unscored: int | None) -> Callable[[Any, Any], Any]:
    """Return what is kept of logits for each target: its cross-entropy in nats, negative where another token is likelier.

    So one number says how likely a token was, and whether it was the answer. It is NaN for a target that is not scored.

    Args:
        unscored: The id of such targets; None if all are scored.
    """

    def kept(targets: Any, logits: Any) -> Any:
        logits = ops.cast(logits, "float32")
        nats = ops.sparse_categorical_crossentropy(targets, logits, from_logits=True)
        right = ops.equal(ops.cast(ops.argmax(logits, axis=-1), "int32"), ops.cast(targets, "int32"))
        # A token that is sure is right, so that 0 needs no sign.
        signed = ops.where(right, ops.maximum(nats, 0.0), -nats)
        return signed if unscored is None else ops.where(ops.equal(targets, unscored), float("nan"), signed)

    return kept
