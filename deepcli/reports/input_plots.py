"""Plots of reconstructions: how large errors are, and codes in two dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from deepcli.evaluation.code_clusters import in_plane
from deepcli.reports.line_styles import MARKERS
from deepcli.reports.number_plots import plain_text

if TYPE_CHECKING:
    from deepcli.evaluation.input_predictions import InputPredictions

BARS = 40
MOST_POINTS = 2_000
"""Examples that are drawn; if there are more, this number is drawn at random."""
MOST_NAMED = 20
"""Classes with a colour of their own in the legend; the others are grey."""
OUTER = 0.995
"""Quantile of the errors that the last bar begins at, so that a few far ones do not flatten the rest."""


def error_histogram(predictions: InputPredictions) -> Figure:
    """Plot how often errors have each size; those beyond the end are counted in the last bar."""
    errors = predictions.of_kind("mean_squared_error")
    errors = errors[np.isfinite(errors)]
    figure = Figure(figsize=(5, 3.4), layout="constrained")
    axes = figure.subplots()
    if len(errors):
        end = float(np.quantile(errors, OUTER)) or float(errors.max()) or 1.0
        axes.hist(np.minimum(errors, end), bins=BARS, range=(0, end), color="#3b7dbf")
        axes.axvline(float(errors.mean()), color="0.5", linestyle="--", linewidth=1)
    axes.set(xlabel="mean squared error of an example", ylabel="examples", title="errors; dashed: their mean")
    return figure


def code_plane(predictions: InputPredictions, names: Sequence[str]) -> tuple[Figure, float] | None:
    """Plot the codes in two dimensions, coloured by class where there are classes.

    Args:
        predictions: Predictions with codes.
        names: The names of the classes.

    Returns:
        The plot, and the share of the codes' variance that it shows; None without codes.
    """
    codes, labels = predictions.codes, predictions.labels
    finite = np.flatnonzero(np.isfinite(codes).all(axis=1)) if codes.shape[1] else np.zeros(0, np.int64)
    if len(finite) < 2:
        return None
    points, share = in_plane(codes[finite])
    drawn = np.arange(len(finite))
    if len(drawn) > MOST_POINTS:
        drawn = np.sort(np.random.default_rng(0).permutation(drawn)[:MOST_POINTS])
    points, labels = points[drawn], labels[finite][drawn]
    figure = Figure(figsize=(6.4, 5), layout="constrained")
    axes = figure.subplots()
    colours, markers = colormaps["tab10"], list(MARKERS)
    known = [label for label in np.unique(labels).tolist() if 0 <= label < len(names)][:MOST_NAMED]
    rest = ~np.isin(labels, known)
    if rest.any():
        axes.scatter(
            points[rest, 0],
            points[rest, 1],
            s=9,
            color="0.6" if known else "#3b7dbf",
            label="others" if known else None,
        )
    for label in known:
        mine, marker = points[labels == label], markers[label // 10 % len(markers)]
        axes.scatter(
            mine[:, 0], mine[:, 1], s=9, color=colours(label % 10), marker=marker, label=plain_text(names[label])
        )
    if known:
        axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), markerscale=2)
    axes.set(xlabel="first", ylabel="second", title="codes")
    return figure, share
