"""Linear models whose strength of regularization is chosen by cross-validation inside the training split."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from deepcli.data.schema import TargetKind

Outputs = Callable[[Any], np.ndarray]
"""Takes features (examples, features), returns outputs as a network's, float (examples, units)."""
Fit = Callable[[Any, np.ndarray, int, float, int], Outputs]
"""Takes features, targets, units, strength and the most iterations."""

STRENGTHS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
"""Penalties on the squared weights, for each example, the strongest first."""
FOLDS = 3
LEAST = 1e-6
"""The least probability in the loss by which strengths are compared."""


def fit_linear(kind: TargetKind, x: Any, y: np.ndarray, units: int, seed: int, most: int) -> tuple[Outputs, float]:
    """Fit the linear model for a kind of target: logistic regression, one for each label, or ridge regression.

    From the strongest penalty on, weaker ones are tried until the loss on held-out folds rises.

    Args:
        kind: The kind of target.
        x: Features of the training split, dense or sparse (examples, features).
        y: Its targets, as they are in memory.
        units: Number of classes, levels, labels or numbers.
        seed: Seed for the folds.
        most: Examples for the choice of the strength.

    Returns:
        The model and the strength.
    """
    fit, loss = KINDS_OF_MODELS[kind]
    order = np.random.default_rng(seed).permutation(len(y))[:most]
    folds = [fold for fold in np.array_split(order, FOLDS) if len(fold)]
    best, least = STRENGTHS[1], np.inf
    for strength in STRENGTHS if len(folds) == FOLDS else ():
        losses = []
        for held in folds:
            rest = np.setdiff1d(order, held)
            model = fit(x[rest], y[rest], units, strength, 100)
            losses.append(loss(model(x[held]), y[held], y[order]))
        if (mean := float(np.mean(losses))) >= least:
            break
        best, least = strength, mean
    return fit(x, y, units, best, 300), best


def _logistic(x: Any, y: np.ndarray, units: int, strength: float, iterations: int) -> Outputs:
    """Fit logistic regression, of several classes at once; a class without examples has the probability 0."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    classes = np.unique(y)
    if len(classes) < 2:
        return lambda x: np.tile(np.eye(units)[classes[0]], (x.shape[0], 1))
    model = LogisticRegression(C=1 / (strength * len(y)), max_iter=iterations)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # good enough for a baseline
        model.fit(x, y)

    def predict(x: Any) -> np.ndarray:
        outputs = np.zeros((x.shape[0], units))
        outputs[:, model.classes_] = model.predict_proba(x)
        return outputs

    return predict


def _one_for_each(x: Any, y: np.ndarray, units: int, strength: float, iterations: int) -> Outputs:
    """Fit a logistic regression for each label."""
    models = [_logistic(x, y[:, k], 2, strength, iterations) for k in range(units)]
    return lambda x: np.stack([model(x)[:, 1] for model in models], axis=1)


def _ridge(x: Any, y: np.ndarray, units: int, strength: float, iterations: int) -> Outputs:
    """Fit ridge regression of the standardized targets; units are those of the data."""
    from sklearn.linear_model import Ridge

    targets = y.astype(np.float64)
    mean, spread = targets.mean(axis=0), targets.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    model = Ridge(alpha=strength * len(y), max_iter=iterations)
    model.fit(x, (targets - mean) / spread)
    return lambda x: np.asarray(model.predict(x)).reshape(-1, units) * spread + mean


def _cross_entropy(outputs: np.ndarray, y: np.ndarray, _: np.ndarray) -> float:
    return float(-np.log(np.maximum(outputs[np.arange(len(y)), y], LEAST)).mean())


def _label_entropy(outputs: np.ndarray, y: np.ndarray, _: np.ndarray) -> float:
    return float(-np.log(np.maximum(np.where(y > 0, outputs, 1 - outputs), LEAST)).mean())


def _squared_error(outputs: np.ndarray, y: np.ndarray, every: np.ndarray) -> float:
    """Return the mean squared error in standard deviations of all targets."""
    spread = every.astype(np.float64).std(axis=0)
    return float((((outputs - y) / np.where(spread > 0, spread, 1.0)) ** 2).mean())


KINDS_OF_MODELS: dict[TargetKind, tuple[Fit, Callable[[np.ndarray, np.ndarray, np.ndarray], float]]] = {
    "classes": (_logistic, _cross_entropy),
    "levels": (_logistic, _cross_entropy),
    "labels": (_one_for_each, _label_entropy),
    "numbers": (_ridge, _squared_error),
}
"""For each kind of target the model, and the loss by which its strength is chosen."""
