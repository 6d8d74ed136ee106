"""Plots of a classifier: confusion matrix, calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from deepcli.evaluation.probability_scores import Ece
from deepcli.evaluation.scores import SCORES

if TYPE_CHECKING:
    from deepcli.evaluation.predictions import Predictions

LARGEST_LABELLED = 20
"""Maximum number of classes of a confusion matrix with counts written in its cells."""
UNLABELLED = 14
"""Number of classes as for which a confusion matrix of more is sized, so that its axes can be read."""


def confusion(predictions: Predictions) -> Figure:
    """Plot the confusion matrix, normalized by row."""
    counts = predictions.confusion
    size = max(3.2, 0.42 * (len(counts) if len(counts) <= LARGEST_LABELLED else UNLABELLED) + 1.6)
    figure = Figure(figsize=(size + 0.8, size), layout="constrained")
    axes = figure.subplots()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set(xlabel="predicted", ylabel="label", title="confusion")
    if len(counts) <= LARGEST_LABELLED:
        axes.set(xticks=range(len(counts)), yticks=range(len(counts)))
        for (row, column), count in np.ndenumerate(counts):
            if count:
                color = "white" if shares[row, column] > 0.5 else "black"
                axes.text(column, row, str(count), ha="center", va="center", color=color, fontsize=8)
    figure.colorbar(image, ax=axes, shrink=0.8)
    return figure


def calibration(predictions: Predictions) -> Figure | None:
    """Plot accuracy against confidence, in the bins of the score `ece`; None without probabilities."""
    score = SCORES.select("ece")
    assert isinstance(score, Ece)
    table = score.table(predictions)
    if table is None:
        return None
    figure = Figure(figsize=(4.6, 4.6), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.6", linestyle="--", label="perfect calibration")
    axes.bar(table.middles, table.accuracy, width=0.9 / table.bins, alpha=0.7, label="accuracy by confidence")
    axes.plot(table.confidence, table.accuracy, ".k", markersize=4, label="mean confidence of the bin")
    for x, y, count in zip(table.middles, table.accuracy, table.counts, strict=True):
        axes.annotate(str(count), (x, y), ha="center", va="bottom", fontsize=7)
    axes.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1.05), ylim=(0, 1.1))
    axes.set_title(f"calibration: ECE {score.measure(predictions):.4f}, {table.bins} bins")
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    return figure
