"""Plots of predicted numbers against the true ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from deepcli.evaluation.number_predictions import NumberPredictions

MOST_POINTS = 1_500
"""Number of examples up to which each is drawn as a point; more are counted in cells."""
CELLS = 60
"""Cells along an axis."""
SHADES = LinearSegmentedColormap.from_list("examples", ["#a9c8e8", "#3b7dbf", "#08264f"])
"""From few examples in a cell to many; visible on bright and dark pages."""
OUTER = 0.002
"""Share of the examples beyond either end of an axis, so that a few far ones do not flatten the rest."""


def predicted_against_true(predictions: NumberPredictions, target: int) -> Figure:
    """Plot predictions of a target against the truth, on equal axes with the line where both are the same."""
    truth, value = _finite(predictions, target)
    figure = Figure(figsize=(5, 4.6), layout="constrained")
    axes = figure.subplots()
    low, high = _range(np.concatenate([truth, value]))
    _density(axes, truth, value, (low, high), (low, high))
    axes.axline((low, low), (high, high), color="0.5", linestyle="--", linewidth=1)
    axes.set(xlabel=f"true {plain_text(predictions.names[target])}", ylabel="predicted", title="predicted against true")
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    _note_outside(axes, (truth, low, high), (value, low, high))
    return figure


def residuals(predictions: NumberPredictions, target: int) -> Figure:
    """Plot residuals of a target, predicted minus true, against the predictions."""
    truth, value = _finite(predictions, target)
    figure = Figure(figsize=(5, 4.6), layout="constrained")
    axes = figure.subplots()
    across, up = _range(value), _range(value - truth)
    _density(axes, value, value - truth, across, up)
    axes.axhline(0, color="0.5", linestyle="--", linewidth=1)
    axes.set(
        xlabel=f"predicted {plain_text(predictions.names[target])}", ylabel="predicted minus true", title="residuals"
    )
    axes.set(xlim=across, ylim=up)
    _note_outside(axes, (value, *across), (value - truth, *up))
    return figure


def residual_histogram(predictions: NumberPredictions, target: int) -> Figure:
    """Plot how often residuals of a target have each size; the dashed line is their mean.

    Those beyond the ends are counted in the outer bars.
    """
    truth, value = _finite(predictions, target)
    apart = value - truth
    low, high = _range(apart)
    figure = Figure(figsize=(5, 3.4), layout="constrained")
    axes = figure.subplots()
    axes.hist(np.clip(apart, low, high), bins=min(40, max(10, int(np.sqrt(len(apart))))), range=(low, high), alpha=0.8)
    axes.axvline(0, color="0.5", linewidth=1)
    if len(apart):
        axes.axvline(apart.mean(), color="C1", linestyle="--", label=f"mean {_tick(float(f'{apart.mean():.3g}'))}")
        axes.legend(frameon=False)
    axes.set(xlabel="predicted minus true", ylabel="examples", title="distribution of residuals")
    _note_outside(axes, (apart, low, high))
    axes.xaxis.set_major_formatter(FuncFormatter(_tick))
    axes.locator_params(axis="x", nbins=6)
    return figure


def _finite(predictions: NumberPredictions, target: int) -> tuple[np.ndarray, np.ndarray]:
    truth, value = predictions.truths[:, target], predictions.outputs[:, target]
    finite = np.isfinite(value)
    return truth[finite], value[finite]


def _range(values: np.ndarray) -> tuple[float, float]:
    """Return the ends of an axis: those of nearly all values, and a little more."""
    if not len(values):
        return 0.0, 1.0
    low, high = (float(end) for end in np.quantile(values, [OUTER, 1 - OUTER]))
    if len(values) <= MOST_POINTS:
        low, high = float(values.min()), float(values.max())
    edge = 0.03 * (high - low) or max(abs(low), 1.0) * 0.1
    return low - edge, high + edge


def _density(axes: Axes, x: np.ndarray, y: np.ndarray, across: tuple[float, float], up: tuple[float, float]) -> None:
    """Draw points, or cells colored by the number of examples in them where points would hide each other."""
    if len(x) <= MOST_POINTS:
        size = 14 if len(x) < 300 else 8
        axes.scatter(x, y, s=size, alpha=0.5 if len(x) < 300 else 0.35, linewidths=0, color="C0")
    else:
        counts, *edges = np.histogram2d(x, y, bins=CELLS, range=[across, up])
        shown = np.ma.masked_equal(counts.T, 0)
        mesh = axes.pcolormesh(*edges, shown, cmap=SHADES, norm="log", rasterized=True)
        bar = axes.figure.colorbar(mesh, ax=axes, shrink=0.8, label="examples", format=FuncFormatter(_tick))
        bar.ax.minorticks_off()
    axes.grid(alpha=0.25)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(_tick))
    axes.locator_params(nbins=6)


def _note_outside(axes: Axes, *sides: tuple[np.ndarray, float, float]) -> None:
    outside = np.zeros(len(sides[0][0]), bool)
    for values, low, high in sides:
        outside |= (values < low) | (values > high)
    if outside.any():
        axes.annotate(f"{outside.sum():,} outside", (0.99, 0.01), xycoords="axes fraction", ha="right", fontsize=8)


def _tick(value: float, _: object = None) -> str:
    return f"{value:,.0f}" if 1e3 <= abs(value) < 1e9 and value == round(value) else f"{value:.4g}"


def plain_text(name: str, longest: int = 40) -> str:
    """Return a name as Matplotlib draws it: not as a formula, not too long, and not hidden from a legend."""
    short = name if len(name) <= longest else name[: longest - 1] + "…"
    return (f" {short}" if short.startswith("_") else short).replace("$", r"\$")
