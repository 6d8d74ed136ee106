"""Forecasts that need no learning: the last value, the last season, and the last value with the drift of the window."""

from __future__ import annotations

from typing import cast

import numpy as np

from deepcli.data.arrays.splits import Split
from deepcli.data.arrays.stored_rows import StoredRows
from deepcli.data.signature import Signature


def naive_forecasts(signature: Signature, split: Split) -> dict[str, np.ndarray]:
    """Return naive forecasts of a split, float32 (origins, horizon, targets) each; `seasonal_naive` where a window has a season.

    Source: Hyndman & Athanasopoulos (2021), "Forecasting: principles and practice", section 5.2.

    Args:
        signature: The data.
        split: The windows.
    """
    facts, targets = signature.series, len(signature.predicted.names)
    assert facts is not None
    parts = split.x.pieces() if isinstance(split.x, StoredRows) else [np.asarray(split.x)]
    found = [_naive(part[:, :, :targets], facts.horizon, facts.season) for part in parts]
    return {
        name: np.concatenate([one[name] for one in found]) if len(found) > 1 else found[0][name] for name in found[0]
    }


def _naive(windows: np.ndarray, horizon: int, season: int) -> dict[str, np.ndarray]:
    """Return the naive forecasts from some windows, (windows, steps, targets)."""
    window, steps = windows.shape[1], np.arange(1, horizon + 1)
    last = windows[:, -1:]
    found = {"naive": np.repeat(last, horizon, axis=1)}
    if 1 < season <= window:
        found["seasonal_naive"] = windows[:, window - season + (steps - 1) % season]
    if window > 1:
        drift = (last - windows[:, :1]) / (window - 1)
        found["drift"] = last + steps[None, :, None].astype(np.float32) * drift
    return {name: np.asarray(values, np.float32) for name, values in found.items()}


def fit_window_ridge(signature: Signature, train: Split, validation: Split | None) -> tuple[RidgeForecast, list[str]]:
    """Fit ridge regression of each target on the steps of its own window, and on those of the columns that are not targets.

    All is standardized by training. The penalty is chosen on the validation split, or on the last fifth of training: folds
    would overlap, as neighbouring windows share most of their steps.

    Args:
        signature: The data.
        train: The training split.
        validation: The validation split.

    Returns:
        The model, and what is worth knowing.
    """
    model = RidgeForecast(signature)
    if validation is not None and len(validation):
        fitted, held, where = train, validation, "validation"
    else:
        cut = max(len(train) * 4 // 5, 1)
        fitted, held, where = _part(train, slice(0, cut)), _part(train, slice(cut, None)), "the last fifth of training"
    model.prepare(fitted)
    losses = {strength: model.loss(held, strength) for strength in STRENGTHS} if len(held) else {STRENGTHS[2]: 0.0}
    best = min(losses, key=losses.__getitem__)
    if fitted is not train:
        model.prepare(train)
    model.solve(best)
    return model, [f"penalty {best:g}, chosen on {where}"]


STRENGTHS = (1e1, 1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5)
"""Penalties on the squared weights, for each window."""
MOST_WINDOWS = 20_000
"""Windows that are learned from; of more, evenly spaced ones."""
MOST_HELD = 1_000
"""Windows by which the penalty is chosen; of more, evenly spaced ones."""
AT_ONCE = 4_096


def _part(split: Split, places: slice) -> Split:
    x, y = split.x, split.y
    if isinstance(x, StoredRows) and isinstance(y, StoredRows):
        rows = np.arange(len(split))[places]
        return Split(x.part(rows), cast(np.ndarray, y.part(rows)), split.ids[places])
    return Split(np.asarray(x)[places], y[places], split.ids[places])


def _windows(split: Split) -> np.ndarray | StoredRows:
    return split.x if isinstance(split.x, StoredRows) else np.asarray(split.x)


class RidgeForecast:
    """Ridge regression of the steps of a horizon on those of a window.

    Args:
        signature: The data.
    """

    def __init__(self, signature: Signature) -> None:
        facts = signature.series
        assert facts is not None
        self._targets = len(signature.predicted.names)
        self._horizon = facts.horizon
        means, scales = ([getattr(column, name) for column in signature.columns] for name in ("mean", "scale"))
        self._means, self._scales = np.array(means), np.array(scales)
        self._sums: list[tuple[np.ndarray, np.ndarray]] = []
        self._count = 0
        self._weights: list[np.ndarray] = []

    def _wanted(self, y: np.ndarray, target: int) -> np.ndarray:
        """Return a target standardized by training, float64 (windows, horizon)."""
        found: np.ndarray = (y[:, :, target].astype(np.float64) - self._means[target]) / self._scales[target]
        return found

    def _features(self, x: np.ndarray, target: int) -> np.ndarray:
        """Return a target's own window, the other columns and a constant, float64 (windows, features)."""
        columns = [target, *range(self._targets, x.shape[2])]
        values = (x[:, :, columns].astype(np.float64) - self._means[columns]) / self._scales[columns]
        return np.concatenate([values.swapaxes(1, 2).reshape(len(x), -1), np.ones((len(x), 1))], axis=1)

    def prepare(self, split: Split) -> None:
        """Add up the products of features and of targets over a split."""
        stride = -(-len(split) // MOST_WINDOWS)
        places, windows = np.arange(0, len(split), stride), _windows(split)
        self._sums, self._count = [], len(places)
        for target in range(self._targets):
            square: np.ndarray | float = 0.0
            product: np.ndarray | float = 0.0
            for begin in range(0, len(places), AT_ONCE):
                part = places[begin : begin + AT_ONCE]
                features = self._features(windows[part], target)
                square = square + features.T @ features
                product = product + features.T @ self._wanted(split.y[part], target)
            self._sums.append((np.asarray(square), np.asarray(product)))

    def solve(self, strength: float) -> None:
        """Find the weights for a penalty on the squared weights, for each window; the constant has none."""
        self._weights = []
        for square, product in self._sums:
            penalty = np.full(len(square), strength * self._count)
            penalty[-1] = 1e-9 * self._count
            self._weights.append(np.linalg.solve(square + np.diag(penalty), product))

    def loss(self, held: Split, strength: float) -> float:
        """Return the mean squared error on a split with a penalty, standardized."""
        self.solve(strength)
        windows, total = _windows(held), 0.0
        stride = -(-len(held) // MOST_HELD)
        places = np.arange(0, len(held), stride)
        for target, weights in enumerate(self._weights):
            apart = self._features(windows[places], target) @ weights - self._wanted(held.y[places], target)
            total += float((apart**2).mean())
        return total / len(self._weights)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return the forecasts from some windows, float32 (windows, horizon, targets), in the units of the data."""
        found = np.empty((len(x), self._horizon, self._targets), np.float32)
        for begin in range(0, len(x), AT_ONCE):
            part = x[begin : begin + AT_ONCE]
            for target, weights in enumerate(self._weights):
                forecast = self._features(part, target) @ weights
                found[begin : begin + len(part), :, target] = forecast * self._scales[target] + self._means[target]
        return found
