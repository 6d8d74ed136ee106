"""Outputs that a model could have: those of guessing, of right answers, and everything between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepcli.data.schema import TargetKind

SURE = 1e-7
"""A probability of 0 or 1 as a model has it, so that its logarithm is finite; Keras clips by the same value."""


@dataclass(frozen=True)
class Assumption:
    """How sure a model's outputs are of the right answers, and how far they are from each other.

    Attributes:
        certainty: 0 for outputs that know nothing of the targets, 1 for exactly the targets.
        noise: Standard normal values, float64 (examples, outputs), times their standard deviation: what is added to the
            logits of guessing, or to standardized numbers. None for guessing itself.
    """

    certainty: float = 0.0
    noise: np.ndarray | None = None


def assumed_outputs(
    kind: TargetKind, targets: np.ndarray, units: int, assumption: Assumption, logits: bool = False
) -> np.ndarray:
    """Return outputs as a model for classes, levels or labels would have them, float32 (examples, units).

    Guessing gives every class the same probability, and a label one half.

    Args:
        kind: The kind of target.
        targets: Targets as they are in memory.
        units: Outputs of the model; one for two classes is the probability of the second.
        assumption: How sure they are.
        logits: Whether the outputs are logits instead of probabilities.
    """
    noise = np.zeros((len(targets), units)) if assumption.noise is None else assumption.noise
    single = kind == "labels" or units == 1
    if single:
        guess, right = 1 / (1 + np.exp(-noise)), targets.reshape(len(targets), units).astype(np.float64)
    else:
        raised = np.exp(noise - noise.max(axis=1, keepdims=True))
        guess, right = raised / raised.sum(axis=1, keepdims=True), np.eye(units)[targets]
    outputs = (1 - assumption.certainty) * guess + assumption.certainty * right
    if logits:
        likely = np.clip(outputs, SURE, 1 - SURE)
        outputs = np.log(likely / (1 - likely)) if single else np.log(likely)
    return outputs.astype(np.float32)


def assumed_numbers(
    targets: np.ndarray, means: tuple[float, ...], scales: tuple[float, ...], assumption: Assumption
) -> np.ndarray:
    """Return outputs as a model for numbers would have them, float32 (examples, numbers); guessing gives the means.

    Args:
        targets: Targets, (examples, numbers).
        means: Mean of each number; empty for 0.
        scales: Scale of each number; empty for 1.
        assumption: How sure they are.
    """
    guess = np.zeros(targets.shape) if assumption.noise is None else assumption.noise
    guess = guess * np.asarray(scales or 1.0) + np.asarray(means or 0.0)
    outputs: np.ndarray = (1 - assumption.certainty) * guess + assumption.certainty * targets
    return outputs.astype(np.float32)
