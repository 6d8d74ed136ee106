"""What can be predicted without looking at the inputs: a score has a meaning only beside it."""

from __future__ import annotations

import numpy as np

from deepcli.data.schema import TargetKind


def trivial(kind: TargetKind, targets: np.ndarray, units: int, count: int) -> dict[str, np.ndarray]:
    """Return trivial outputs for a split, learned from the training targets, in the form of a network's outputs.

    Classes and levels get their shares of the training split as probabilities, so that the answer is the most frequent
    class, or the median level, and the cross-entropy is the entropy of the shares. Labels get their shares. Numbers get
    the mean, which has the least squared error, and the median, which has the least absolute error.

    Args:
        kind: The kind of target.
        targets: Targets of the training split, as they are in memory.
        units: Number of classes, levels, labels or numbers.
        count: Examples to predict.

    Returns:
        By the name of what is predicted, float32 (count, units).
    """
    rows = _constant(kind, targets, units)
    return {name: np.tile(row.astype(np.float32), (count, 1)) for name, row in rows.items()}


def _constant(kind: TargetKind, targets: np.ndarray, units: int) -> dict[str, np.ndarray]:
    if kind == "numbers":
        numbers = targets.astype(np.float64)
        return {"mean": numbers.mean(axis=0), "median": np.median(numbers, axis=0)}
    if kind == "labels":
        return {"label shares": targets.mean(axis=0, dtype=np.float64)}
    shares = np.bincount(targets, minlength=units) / len(targets)
    return {"median level" if kind == "levels" else "most frequent class": shares}
