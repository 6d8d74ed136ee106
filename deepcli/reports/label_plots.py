"""Plots of predicted labels: how well each is found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from deepcli.evaluation.tables import per_label
from deepcli.reports.number_plots import plain_text

if TYPE_CHECKING:
    from deepcli.evaluation.label_predictions import LabelPredictions

MOST_BARS = 40
"""Number of labels drawn; of more, the most frequent ones."""


def average_precision_bars(predictions: LabelPredictions, names: Sequence[str]) -> Figure:
    """Plot the average precision of each label, the best first, beside what a model without any knowledge reaches.

    That is the share of examples that have the label. Labels without examples are left out.

    Args:
        predictions: Predictions of a split.
        names: The names of the labels.
    """
    rows = per_label(predictions)
    common = sorted((row for row in rows if row.support), key=lambda row: -row.support)[:MOST_BARS]
    shown = sorted(common, key=lambda row: row.average_precision or 0.0)
    places = np.arange(len(shown))
    figure = Figure(figsize=(5.5, max(1.8, 0.24 * len(shown) + 1.2)), layout="constrained")
    axes = figure.subplots()
    values = [row.average_precision or 0.0 for row in shown]
    axes.barh(places, values, height=0.72, color="C0", alpha=0.75)
    shares = [row.support / len(predictions.ids) for row in shown]
    axes.plot(shares, places, "|", color="C1", markersize=9, markeredgewidth=2, label="without any knowledge")
    for place, row, value in zip(places.tolist(), shown, values, strict=True):
        axes.annotate(f" {row.support:,}", (value, place), va="center", fontsize=7)
    axes.set_yticks(places, [plain_text(names[row.label], 30) for row in shown], fontsize=8)
    axes.set(xlabel="average precision (beside the bars: examples)", xlim=(0, 1.12), ylim=(-0.6, len(shown) - 0.4))
    of = f": the {len(shown)} most frequent of {len(rows)}" if len(shown) == MOST_BARS < len(rows) else ""
    axes.set_title(f"average precision by label{of}")
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.grid(axis="x", alpha=0.3)
    axes.legend(loc="lower right", frameon=False, fontsize=8)
    return figure
