"""Plots of runs with Matplotlib: learning curves, confusion matrix, calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from deepcli.errors import UsageError
from deepcli.evaluation.probability_scores import Ece
from deepcli.evaluation.scores import SCORES
from deepcli.system.atomic import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from deepcli.evaluation.predictions import Predictions
    from deepcli.run.loaded import LoadedRun

LARGEST_LABELLED = 20
"""Maximum number of classes of a confusion matrix with counts written in its cells."""


def curves(run: LoadedRun) -> Figure:
    """Plot loss, metrics and learning rate over the epochs, with training, validation and the best epoch."""
    names = run.curve_names
    figure = Figure(figsize=(5 * len(names), 3.4), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        _curve(axes, run, name)
    return figure


def curve(run: LoadedRun, name: str) -> Figure:
    """Plot one metric over the epochs, with training, validation and the best epoch."""
    figure = Figure(figsize=(5, 3.4), layout="constrained")
    _curve(figure.subplots(), run, name)
    return figure


def _curve(axes: Axes, run: LoadedRun, name: str) -> None:
    columns = run.curves
    epochs = [int(row["epoch"]) for row in run.history]
    best = run.result.best_epoch if run.result else None
    held_out = columns.get(f"val_{name}", [])
    _lines(axes, epochs, {"training" if held_out else name: columns[name], "validation": held_out}, name)
    if best and name != "learning_rate":
        axes.axvline(best, color="0.5", linestyle=":", label=f"best epoch {best}")
        axes.legend(frameon=False)


def overlaid(runs: Sequence[LoadedRun], name: str) -> Figure:
    """Plot one column of several runs' histories over the epochs."""
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    for run in runs:
        _lines(axes, [int(row["epoch"]) for row in run.history], {run.name: run.curves.get(name, [])}, name)
    axes.legend(frameon=False)
    return figure


def _lines(axes: Axes, epochs: Sequence[int], lines: Mapping[str, Sequence[float]], title: str) -> None:
    for label, values in lines.items():
        if values:
            axes.plot(epochs, values, marker="." if len(epochs) < 40 else None, label=label)
    axes.set_xlabel("epoch")
    axes.set_title(title)
    axes.grid(alpha=0.3)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def confusion(predictions: Predictions) -> Figure:
    """Plot the confusion matrix, normalized by row."""
    counts = predictions.confusion
    size = max(3.2, 0.42 * len(counts) + 1.6)
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
    axes.legend(loc="upper left", frameon=False)
    return figure


def checked(path: Path) -> Path:
    """Check that a plot's file name ends in a supported format; return the path.

    Raises:
        UsageError: The name ends in something else.
    """
    if path.suffix.lower() not in (".png", ".svg"):
        raise UsageError(f"{path}: the file name of a plot should end in .png or .svg")
    return path


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG or SVG, depending on the file name.

    Raises:
        TrainingError: The file cannot be written.
    """
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=120, format=path.suffix.removeprefix(".").lower())
