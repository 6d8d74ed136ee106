"""How well one column alone predicts the target: learned from training rows, measured on held-out rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

FEW_VALUES = 256
"""Different numbers up to which each is a value of its own, like a category."""
NEIGHBOURS = 2
"""Training rows on either side, in the order of the column, that vote for a class."""
LARGEST_TABLE = 50_000_000
"""Cells of a table of values by classes, beyond which a column is not tried."""


class Alone(NamedTuple):
    """What one column alone predicts on held-out rows.

    Attributes:
        right: Classes: share of rows whose class it gets right. Numbers: R².
        hard: Classes: share that it gets right of the rows that the most frequent class gets wrong, less what it gets
            wrong of the others. Numbers: R².
        wrong: Classes: rows that the most frequent class gets wrong. Numbers: all rows.
    """

    right: float
    hard: float
    wrong: int


def classes_from(column: np.ndarray, categorical: bool, y: np.ndarray, train: np.ndarray) -> Alone | None:
    """Predict classes from one column: the most frequent class of its value, or of its neighbours.

    Args:
        column: float32 (rows,); codes of categories, or numbers with NaN for missing.
        categorical: Whether they are codes.
        y: Class numbers, int (rows,).
        train: Whether a row is for training, bool (rows,).

    Returns:
        None if there are too many values and classes to count.
    """
    classes = int(y.max()) + 1
    usual = int(np.bincount(y[train], minlength=classes).argmax())
    held = ~train
    if categorical or len(np.unique(column[train & ~np.isnan(column)])) <= FEW_VALUES:
        answers = _by_value(column, y, train, classes, usual)
    else:
        answers = _by_neighbours(column, y, train, classes, usual)
    if answers is None:
        return None
    right, base = int((answers == y[held]).sum()), int((y[held] == usual).sum())
    wrong = len(answers) - base
    return Alone(right / len(answers), (right - base) / wrong if wrong else 0.0, wrong)


def numbers_from(column: np.ndarray, categorical: bool, y: np.ndarray, train: np.ndarray) -> Alone:
    """Predict numbers from one column: the mean of its value, or the line between its neighbours.

    Args:
        column: As in `classes_from`.
        categorical: Whether they are codes.
        y: float64 (rows,).
        train: Whether a row is for training, bool (rows,).
    """
    held, mean = ~train, float(y[train].mean())
    answers = np.full(int(held.sum()), mean)
    known = train & ~np.isnan(column)
    values, places = np.unique(column[known], return_inverse=True)
    means = np.bincount(places, weights=y[known], minlength=len(values)) / np.bincount(places, minlength=len(values))
    asked = column[held]
    there = ~np.isnan(asked)
    if len(values) and (categorical or len(values) <= FEW_VALUES):
        position = np.searchsorted(values, asked).clip(0, len(values) - 1)
        there &= values[position] == asked
        answers[there] = means[position[there]]
    elif len(values):
        answers[there] = np.interp(asked[there], values, means)
    missing = train & np.isnan(column)
    if missing.any():
        answers[np.isnan(asked)] = y[missing].mean()
    spread = float(((y[held] - mean) ** 2).sum())
    fit = 1 - float(((y[held] - answers) ** 2).sum()) / spread if spread else 0.0
    return Alone(fit, fit, len(answers))


def _by_value(column: np.ndarray, y: np.ndarray, train: np.ndarray, classes: int, usual: int) -> np.ndarray | None:
    values, codes = np.unique(column, return_inverse=True, equal_nan=True)
    if len(values) * classes > LARGEST_TABLE:
        return None
    counts = np.bincount(codes[train] * classes + y[train], minlength=len(values) * classes).reshape(-1, classes)
    best = np.where(counts.any(axis=1), counts.argmax(axis=1), usual)
    answers: np.ndarray = best[codes[~train]]
    return answers


def _by_neighbours(column: np.ndarray, y: np.ndarray, train: np.ndarray, classes: int, usual: int) -> np.ndarray | None:
    """Let the nearest training rows on both sides vote; rows without a value vote among themselves."""
    known = np.flatnonzero(train & ~np.isnan(column))
    if (len(known) + 1) * classes > LARGEST_TABLE:
        return None
    order = known[np.argsort(column[known], kind="stable")]
    running = np.zeros((len(order) + 1, classes), np.int32)
    running[np.arange(1, len(order) + 1), y[order]] = 1
    np.cumsum(running, axis=0, out=running)
    asked = column[~train]
    here = np.searchsorted(column[order], asked)
    low, high = (here - NEIGHBOURS).clip(0), (here + NEIGHBOURS).clip(0, len(order))
    answers: np.ndarray = (running[high] - running[low]).argmax(axis=1)
    missing = train & np.isnan(column)
    lacking = np.bincount(y[missing], minlength=classes).argmax() if missing.any() else usual
    answers[np.isnan(asked)] = lacking
    return answers
