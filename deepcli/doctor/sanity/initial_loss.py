"""The loss at the start is that of guessing, and the loss prefers right answers."""

from __future__ import annotations

import numpy as np

from deepcli.data.arrays.splits import Split
from deepcli.doctor.sanity.sanity_report import CheckResult, judged
from deepcli.doctor.sanity.subject import Subject
from deepcli.evaluation.assumed_outputs import Assumption
from deepcli.training.evaluate import BATCH_SIZE

SPREAD = 4.0
"""Standard deviation of logits, or of standardized numbers, up to which a fresh model counts as guessing.

Glorot's initializer gives the output layer weights of variance 2 / (inputs + outputs), so for features of variance 1 the
logits have a variance of at most 2. Each block of a residual network adds about 1 to the variance of its features; 16 is for
eight of them. An initializer or inputs that are a hundred times too large are far beyond.
"""
CERTAINTIES = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
FREE = 0.2
"""Share of the loss of guessing that right answers may cost; label smoothing of 0.1 costs more, but not at certainty 1."""
ROUNDING = 1e-2


def initial_loss(subject: Subject) -> CheckResult:
    """Compare the loss of the fresh model with that of guessing."""
    train, model = subject.splits.train, subject.start()
    outputs = subject.backend.predict(model, train.x, BATCH_SIZE)
    if problem := loss_problem(subject, train) or _output_problem(subject, outputs):
        return judged(False, *problem)
    found, guess, limit = subject.loss(train.y, outputs), guessed(subject, train), _limit(subject, train)
    text = f"{found:.4g}; guessing gives {guess:.4g}, a fresh model at most {limit:.4g}"
    figures = {"loss": found, "guessing": guess, "limit": limit}
    if not np.isfinite(limit):  # a loss of a plugin that does not take every number
        return judged(bool(np.isfinite(found)), f"{found:.4g}; guessing gives {guess:.4g}", LARGE, **figures)
    return judged(found <= limit, text, LARGE, **figures)


LARGE = (
    "The model is sure of wrong answers before it has seen any: use a smaller model.kernel_initializer, and look at the "
    "range of inputs and at the output layer."
)


def guessed(subject: Subject, split: Split, certainty: float = 0.0) -> float:
    """Return the loss of outputs that guess, or that are sure of the right answers to some degree."""
    return _of(subject, split, Assumption(certainty))


def lowest(subject: Subject, split: Split) -> tuple[float, float]:
    """Return the lowest loss between guessing and right answers, and how sure of them it is."""
    losses = [guessed(subject, split, certainty) for certainty in CERTAINTIES]
    best = int(np.argmin(losses))
    return losses[best], CERTAINTIES[best]


def _limit(subject: Subject, split: Split) -> float:
    shape = (len(split), subject.experiment.head.outputs)
    return _of(subject, split, Assumption(noise=SPREAD * subject.random(2).standard_normal(shape)))


def _of(subject: Subject, split: Split, assumption: Assumption) -> float:
    spec = subject.experiment
    outputs = spec.resolved_task.assumed(spec.signature, spec.head, split.y, assumption)
    return subject.loss(split.y, outputs)


def loss_problem(subject: Subject, split: Split) -> tuple[str, str] | None:
    """Return what is wrong with a loss, whatever the model, and what to do; None if nothing is."""
    guess, (least, certainty) = guessed(subject, split), lowest(subject, split)
    if not certainty:
        right = guessed(subject, split, 1.0)
        found = f"right answers have a loss of {right:.4g}, guessing {guess:.4g}"
        return found, "The loss should be lower for right answers: look at its sign and at the order of its arguments."
    if subject.experiment.resolved_task.free_when_right and certainty == 1.0 and least > FREE * abs(guess):
        found = f"right answers still have a loss of {least:.4g}, guessing {guess:.4g}"
        advice = "Look at from_logits: the loss may apply a softmax or sigmoid to what are already probabilities."
        return found, advice
    return None


def _output_problem(subject: Subject, outputs: np.ndarray) -> tuple[str, str] | None:
    """Return how a model's outputs are not what the output layer promises; None if they are."""
    if not np.isfinite(outputs).all():
        share = float(1 - np.isfinite(outputs).mean())
        return (
            f"{share:.0%} of the outputs are not finite",
            "Look at the inputs, and at layers that divide or exponentiate.",
        )
    head = subject.experiment.head
    if head.activation not in ("softmax", "sigmoid"):
        return None
    low, high = float(outputs.min()), float(outputs.max())
    sums = outputs.sum(axis=1)
    off = head.activation == "softmax" and float(np.abs(sums - 1).max()) > ROUNDING
    if low < -ROUNDING or high > 1 + ROUNDING or off:
        found = f"the loss takes probabilities, but outputs are {low:.3g} to {high:.3g}"
        return found, f"The output layer needs the activation {head.activation}: build it with `dense_output`."
    return None
