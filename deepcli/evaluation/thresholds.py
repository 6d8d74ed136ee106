"""The probability from which a label, or the second of two classes, is given, chosen on the validation split."""

from __future__ import annotations

import numpy as np

from deepcli.evaluation.label_predictions import THRESHOLD, LabelPredictions
from deepcli.evaluation.predictions import Predictions

FEWEST = 10
"""The fewest examples with a label for a threshold of its own.

The best threshold for a handful of examples follows their accidents. A rarer label gets the threshold that is best for all
labels together.
"""


def choose_thresholds(validation: LabelPredictions) -> np.ndarray:
    """Choose the threshold of each label that maximizes its F1 on the validation split, float32 (labels,).

    Every set of examples that a threshold can separate is tried. A threshold lies midway between the last output that
    reaches it and the next, or is 0.5 if that separates the same; of equally good ones the nearest to 0.5 is taken. A
    label that fewer than 10 examples have gets the threshold that maximizes the F1 of all labels together.

    Source: Lipton, Elkan & Naryanaswamy (2014), "Optimal thresholding of classifiers to maximize F1 measure".

    Args:
        validation: Predictions of the validation split; their thresholds have no effect.
    """
    together = _best(validation.labels.reshape(-1, 1), validation.probabilities.reshape(-1, 1))
    own = _best(validation.labels, validation.probabilities)
    return np.where(validation.support >= FEWEST, own, together).astype(np.float32)


def choose_threshold(validation: Predictions) -> float:
    """Choose the threshold of class 1 of two that maximizes its F1 on the validation split, as for a label.

    Args:
        validation: Predictions of the validation split, with an example of class 1.
    """
    outputs = validation.by_class[:, 1:].astype(np.float32)
    return float(_best((validation.labels == 1)[:, None], outputs)[0])


def _best(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return the best threshold of each column, float32 (columns,); 0.5 for a column without positives."""
    order = np.argsort(-probabilities, axis=0, kind="stable")
    outputs = np.take_along_axis(probabilities, order, axis=0).astype(np.float32)
    right = np.cumsum(np.take_along_axis(labels, order, axis=0), axis=0, dtype=np.int64)
    chosen = np.arange(1, len(labels) + 1)[:, None]
    following = np.vstack([outputs[1:], np.full((1, outputs.shape[1]), -1, np.float32)])
    figures = 2 * right / (chosen + right[-1])
    figures[outputs == following] = -1.0  # no threshold separates equal outputs
    candidates = _between(np.maximum(following, 0), outputs)
    away = np.where(figures == figures.max(axis=0), np.abs(candidates - np.float32(THRESHOLD)), np.inf)
    best = np.take_along_axis(candidates, away.argmin(axis=0)[None], axis=0)[0]
    return np.where(right[-1] > 0, best, np.float32(THRESHOLD))


def _between(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return thresholds above `low` and not above `high`: 0.5 where it is one, else the middle, float32."""
    middles = ((low.astype(np.float64) + high) / 2).astype(np.float32)
    middles = np.where(middles > low, middles, high)  # two neighbouring float32 numbers have no middle
    half = np.float32(THRESHOLD)
    return np.where((low < half) & (half <= high), half, middles)
