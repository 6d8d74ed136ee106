"""Calibration of a classifier's probabilities by one number, the temperature, fitted on the validation split.

Source: Guo, Pleiss, Sun & Weinberger (2017), "On calibration of modern neural networks".
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from deepcli.evaluation.intervals import NORMAL, Interval
from deepcli.evaluation.predictions import Predictions

# The layer `Temperature`, which exported models end in, has the same two limits; a test compares both.
LEAST = float(np.finfo(np.float32).tiny)
"""The least probability of several classes that counts as one: below it, float32 has no logarithm to divide."""
NEAREST = 2.0**-24
"""How near 0 or 1 the output of a single unit counts; the float32 below 1 is 1 minus this."""
RANGE = (0.05, 20.0)
"""The temperatures that are tried."""
FEWEST_WRONG = 10
"""The fewest wrong answers on validation for an interval to rely on: a handful decides how confident a model may be."""


@dataclass(frozen=True)
class TemperatureFit:
    """A temperature, and how well the validation split determines it.

    Attributes:
        temperature: What logits are divided by; above 1, the model was too confident.
        interval: Its 95 % interval over validation examples; None if the temperature is at an end of the range.
        examples: Validation examples.
        wrong: Wrong answers among them.
    """

    temperature: float
    interval: Interval | None
    examples: int
    wrong: int

    @property
    def caveat(self) -> str | None:
        """Why the temperature is not to be relied on; None if nothing speaks against it."""
        if self.interval is None:
            return f"the temperature is at an end of the range from {RANGE[0]:g} to {RANGE[1]:g}: do not rely on it"
        if self.interval[0] <= 1 <= self.interval[1]:
            return "not distinguishable from 1, which leaves the probabilities as they are"
        if self.wrong < FEWEST_WRONG:
            return f"{self.wrong} wrong answer{'s' * (self.wrong != 1)} on validation: the interval may be too narrow"
        return None


def fit_temperature(validation: Predictions) -> TemperatureFit:
    """Fit the temperature that minimizes the log-loss on the validation split.

    The log-loss is convex in 1 / temperature, so that its slope has one root. The interval is normal on the log scale; its
    standard error is that of an M-estimator (Huber 1967), which does not suppose that the scaled model is true.

    Args:
        validation: Predictions that are probabilities.
    """
    from scipy.optimize import brentq

    logits, labels = _logits(validation.probabilities), validation.labels
    own = logits[np.arange(len(labels)), labels]

    def slopes(inverse: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the first and second derivatives of each example's log-loss by the inverse temperature."""
        shares = _softmax(logits * inverse)
        mean = (shares * logits).sum(axis=1)
        return mean - own, (shares * (logits - mean[:, None]) ** 2).sum(axis=1)

    wrong = int((validation.answers != labels).sum())
    low, high = 1 / RANGE[1], 1 / RANGE[0]
    ends = [slopes(inverse)[0].sum() for inverse in (low, high)]
    if ends[0] >= 0 or ends[1] <= 0:
        return TemperatureFit(RANGE[1] if ends[0] >= 0 else RANGE[0], None, len(labels), wrong)
    inverse = float(brentq(lambda value: slopes(value)[0].sum(), low, high, xtol=1e-12))
    first, second = slopes(inverse)
    reach = NORMAL * math.sqrt((first**2).sum()) / second.sum() / inverse
    temperature = 1 / inverse
    return TemperatureFit(
        temperature, (temperature * math.exp(-reach), temperature * math.exp(reach)), len(labels), wrong
    )


def calibrated(predictions: Predictions, temperature: float) -> Predictions:
    """Return predictions with logits divided by a temperature; the answers stay the same."""
    return replace(predictions, probabilities=tempered(predictions.probabilities, temperature))


def tempered(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Return probabilities whose logits are divided by a temperature, float64 of the same shape.

    Args:
        probabilities: Of class 1, (examples, 1), or of every class, (examples, classes).
        temperature: What logits are divided by.
    """
    shares = _softmax(_logits(probabilities) / temperature)
    return shares[:, 1:] if probabilities.shape[1] == 1 else shares


def tempered_threshold(threshold: float, temperature: float) -> float:
    """Return the threshold of calibrated probabilities that gives the same answers as one of plain probabilities."""
    return float(tempered(np.array([[threshold]]), temperature)[0, 0])


def _logits(probabilities: np.ndarray) -> np.ndarray:
    """Return logits up to a constant for each example, float64 (examples, classes)."""
    values = probabilities.astype(np.float64)
    if values.shape[1] > 1:
        return np.log(np.maximum(values, LEAST))
    values = np.clip(values, NEAREST, 1 - NEAREST)
    return np.hstack([np.zeros_like(values), np.log(values) - np.log(1 - values)])


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return shares
