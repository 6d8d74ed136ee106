"""Histogram gradient boosting of trees: the model to beat on tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from deepcli.data.schema import Column, TargetKind

MOST_CATEGORIES = 254
"""The most categories that the trees distinguish in a column; rarer ones count as one category."""
TREES = 3_000
"""Trees of all classes and targets together, which bounds the time."""
ITERATIONS = 500
PLAIN_ITERATIONS = 100
"""Iterations where too few validation examples say when to stop; scikit-learn's default."""
FEWEST = 200
"""Validation examples by which it is decided when to stop."""
PATIENCE = 20


class BoostingColumns:
    """Columns as the trees take them: numbers with NaN, categories as codes below 255.

    Args:
        x: The training split, float32 (examples, columns).
        columns: What the columns are.
    """

    def __init__(self, x: np.ndarray, columns: Sequence[Column]) -> None:
        self.is_category = np.array([column.type == "category" for column in columns], bool)
        self._empty = np.isnan(x).all(axis=0)  # which the trees cannot divide into bins
        self._codes: dict[int, np.ndarray] = {}
        for place in np.flatnonzero(self.is_category).tolist():
            size = len(columns[place].categories) + 1
            codes = np.arange(size)
            if size > MOST_CATEGORIES:
                counts = np.bincount(x[:, place].astype(np.int64).clip(0, size - 1), minlength=size)
                codes = np.full(size, MOST_CATEGORIES)
                codes[np.argsort(-counts, kind="stable")[:MOST_CATEGORIES]] = np.arange(MOST_CATEGORIES)
            self._codes[place] = codes

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return the columns, float64 (examples, columns)."""
        found = np.where(self._empty, 0.0, x.astype(np.float64))
        for place, codes in self._codes.items():
            known = x[:, place].astype(np.int64)
            found[:, place] = codes[np.where((known >= 0) & (known < len(codes)), known, 0)]
        return found


def fit_boosting(
    kind: TargetKind,
    train: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray] | None,
    units: int,
    is_category: np.ndarray,
    seed: int,
) -> Callable[[Any], np.ndarray]:
    """Fit boosted trees, one model for each label or number; validation examples only decide when to stop.

    Args:
        kind: The kind of target.
        train: Columns and targets.
        validation: Columns and targets; None stops after 100 iterations.
        units: Number of classes, levels, labels or numbers.
        is_category: Which columns are categories, bool (columns,).
        seed: Seed for the order of columns and of examples.
    """
    together = kind in ("classes", "levels")
    y = train[1][:, None] if together else train[1]
    trees = units if together and units > 2 else y.shape[1]
    stop = validation is not None and len(validation[1]) >= FEWEST
    most = min(ITERATIONS if stop else PLAIN_ITERATIONS, max(20, TREES // trees))
    options = {"max_iter": most, "categorical_features": is_category, "random_state": seed}
    models = []
    fit = _regressor if kind == "numbers" else _classifier
    for k in range(y.shape[1]):
        held = None
        if validation is not None and stop:
            held = (validation[0], validation[1] if together else validation[1][:, k])
        models.append(fit(train[0], y[:, k], held, units if together else 2, options))
    if together:
        return models[0]
    column = -1  # the only one of a regressor, that of the label of a classifier
    return lambda x: np.stack([model(x)[:, column] for model in models], axis=1)


def _stopping(held: Any) -> dict[str, Any]:
    return {"early_stopping": held is not None, "n_iter_no_change": PATIENCE, "scoring": "loss"}


def _on(held: Any) -> dict[str, Any]:
    return {} if held is None else {"X_val": held[0], "y_val": held[1]}


def _classifier(x: np.ndarray, y: np.ndarray, held: Any, units: int, options: Any) -> Callable[[Any], np.ndarray]:
    from sklearn.ensemble import HistGradientBoostingClassifier

    classes = np.unique(y)
    if len(classes) < 2:
        return lambda x: np.tile(np.eye(units)[classes[0]], (len(x), 1))
    if held is not None:
        known = np.isin(held[1], classes)
        held = (held[0][known], held[1][known]) if known.any() else None
    model = HistGradientBoostingClassifier(**options, **_stopping(held)).fit(x, y, **_on(held))

    def predict(x: Any) -> np.ndarray:
        outputs = np.zeros((len(x), units))
        outputs[:, model.classes_] = model.predict_proba(x)
        return outputs

    return predict


def _regressor(x: np.ndarray, y: np.ndarray, held: Any, units: int, options: Any) -> Callable[[Any], np.ndarray]:
    from sklearn.ensemble import HistGradientBoostingRegressor

    targets = y.astype(np.float64)
    model = HistGradientBoostingRegressor(**options, **_stopping(held)).fit(x, targets, **_on(held))
    return lambda x: np.asarray(model.predict(x))[:, None]
