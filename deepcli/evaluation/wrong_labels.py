"""Likely wrong labels by confident learning, from a model's predictions on examples that it was not trained on.

Northcutt, Jiang and Chuang 2021, "Confident Learning: Estimating Uncertainty in Dataset Labels"
(https://arxiv.org/abs/1911.00068).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class WrongLabel(NamedTuple):
    """An example whose label is likely wrong.

    Attributes:
        row: Its place among the predictions.
        label: The class that it has.
        suggested: The class that the model is confident of.
        probability: The model's probability for that class.
        margin: Probability of its label less that of the most likely other class; lower is more likely wrong.
    """

    row: int
    label: int
    suggested: int
    probability: float
    margin: float


def class_thresholds(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return how confident a model is of each class, on average over the examples of the class.

    Args:
        labels: Class numbers, int (examples,).
        probabilities: float (examples, classes).

    Returns:
        float64 (classes,); infinite for a class without examples, which nothing is then suggested to be.
    """
    classes = probabilities.shape[1]
    counts = np.bincount(labels, minlength=classes)
    own = probabilities[np.arange(len(labels)), labels]
    sums = np.bincount(labels, weights=own, minlength=classes)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)


def confident_classes(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return the class that a model is confident of for each example, int (examples,); -1 where it is of none."""
    above = probabilities >= class_thresholds(labels, probabilities)
    best = np.where(above, probabilities, -np.inf).argmax(axis=1)
    return np.where(above.any(axis=1), best, -1)


def confident_joint(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Count examples by label (row) and confident class (column), int (classes, classes)."""
    classes, found = probabilities.shape[1], confident_classes(labels, probabilities)
    sure = found >= 0
    cells = labels[sure].astype(np.int64) * classes + found[sure]
    return np.bincount(cells, minlength=classes**2).reshape(classes, classes)


def wrong_labels(labels: np.ndarray, probabilities: np.ndarray) -> list[WrongLabel]:
    """Find labels that are likely wrong: those off the diagonal of the confident joint, most likely first.

    They are ranked by normalized margin: the probability of the label less that of the most likely other class.

    Args:
        labels: Class numbers, int (examples,).
        probabilities: float (examples, classes), each row a distribution, from a model that was not trained on them.
    """
    if not len(labels):
        return []
    suggested = confident_classes(labels, probabilities)
    own = probabilities[np.arange(len(labels)), labels]
    others = probabilities.copy()
    others[np.arange(len(labels)), labels] = -np.inf
    margins = own - others.max(axis=1)
    rows = np.flatnonzero((suggested >= 0) & (suggested != labels))
    rows = rows[np.argsort(margins[rows], kind="stable")]
    return [
        WrongLabel(
            int(row),
            int(labels[row]),
            int(suggested[row]),
            float(probabilities[row, suggested[row]]),
            float(margins[row]),
        )
        for row in rows
    ]
