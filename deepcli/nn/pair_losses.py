"""Losses and metrics of sequences of tokens that are padded with 0: padding counts nowhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from deepcli.nn.token_losses import PerplexityMean, TokenCrossentropy

register = keras.saving.register_keras_serializable("deepcli")


def aligned(targets: Any, logits: Any) -> tuple[Any, Any]:
    """Cut targets and logits to equal steps; what is cut is padding."""
    if None in (targets.shape[1], logits.shape[1]):  # logits are as wide as the longest target of the batch
        return targets[:, : ops.shape(logits)[1]], logits
    steps = min(targets.shape[1], logits.shape[1])
    return targets[:, :steps], logits[:, :steps]


@register
class SequenceCrossentropy(TokenCrossentropy):
    """Mean cross-entropy in nats over the tokens of all targets of a batch, from logits.

    Args:
        label_smoothing: Fraction of each target that is spread over all tokens (Szegedy et al. 2016).
    """

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the mean over tokens: int (batch, steps) and float (batch, steps, vocabulary)."""
        targets, logits = aligned(ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred))
        real = ops.cast(ops.not_equal(targets, 0), "float32")
        nats = ops.cast(self.call(targets, ops.cast(logits, "float32")), "float32")
        return ops.sum(nats * real) / ops.maximum(ops.sum(real), 1.0)


@register
class SequencePerplexity(PerplexityMean):
    """Exponential of the mean cross-entropy of the tokens of targets."""

    def update_state(self, targets: Any, logits: Any, sample_weight: Any = None) -> None:
        """Add a batch: int (batch, steps) and float32 (batch, steps, vocabulary)."""
        targets, logits = aligned(targets, logits)
        super().update_state(targets, logits, ops.not_equal(targets, 0))


@register
class SequenceAccuracy(keras.metrics.SparseCategoricalAccuracy):
    """Share of the tokens of targets that were the likeliest ones, each after the right ones before it."""

    def update_state(self, targets: Any, logits: Any, sample_weight: Any = None) -> None:
        """Add a batch: int (batch, steps) and float32 (batch, steps, vocabulary)."""
        targets, logits = aligned(targets, logits)
        super().update_state(targets, logits, ops.cast(ops.not_equal(targets, 0), "float32"))


def signed_sequence_nats(unscored: int | None) -> Callable[[Any, Any], Any]:
    """Return what is kept of logits for each target, as `signed_nats` does; NaN for padding too.

    Args:
        unscored: The id of targets that are not scored; None if all are scored.
    """
    from deepcli.nn.token_losses import signed_nats

    of_tokens = signed_nats(unscored)

    def kept(targets: Any, logits: Any) -> Any:
        targets, logits = aligned(targets, logits)
        return ops.where(ops.equal(targets, 0), float("nan"), of_tokens(targets, logits))

    return kept
