"""The picture of a range test: the loss over the learning rate, with the proposal and the spec's own rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

ROOM = 0.06
"""Share of the height that is left above and below the curve."""


def rate_plot(
    rates: Sequence[float],
    curves: Sequence[Sequence[float]],
    mean: Sequence[float],
    smoothed: Sequence[float],
    marks: Sequence[tuple[str, float | None]],
    title: str,
) -> Figure:
    """Plot the loss of each seed, their mean, and the smoothed mean, over the learning rate; the loss is cut off above.

    Args:
        rates: The rates, rising.
        curves: The losses of each seed, as far as its training went.
        mean: The mean loss at each rate, cut off.
        smoothed: The same, smoothed.
        marks: Rates to mark, each with its name; one that is None is left out.
        title: The title.
    """
    reached = max(map(len, curves))  # beyond, all have diverged
    rates, mean, smoothed = rates[:reached], mean[:reached], smoothed[:reached]
    figure = Figure(figsize=(7.2, 4.4), layout="constrained")
    axes = figure.subplots()
    for number, losses in enumerate(curves):
        label = None if number else f"a seed ({len(curves)})" if len(curves) > 1 else "loss"
        axes.plot(rates[: len(losses)], losses, color="0.7", linewidth=0.8, label=label)
    if len(curves) > 1:
        axes.plot(rates, mean, color="tab:blue", linewidth=0.8, alpha=0.6, label="mean")
    axes.plot(rates, smoothed, color="tab:blue", linewidth=2, label="smoothed")
    _mark(axes, marks)
    low, high = min([*mean, *smoothed]), max([*mean, *smoothed])
    shown = [loss for losses in curves for loss in losses if np.isfinite(loss) and loss < high]
    low = min([low, *shown])
    room = ROOM * (high - low or 1.0)
    axes.set(xscale="log", xlabel="learning rate", ylabel="training loss", title=title, ylim=(low - room, high + room))
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, loc="lower left", fontsize=9)
    return figure


def _mark(axes: Axes, marks: Sequence[tuple[str, float | None]]) -> None:
    colours = ("tab:green", "tab:red", "tab:orange")
    for (name, rate), colour in zip(marks, colours, strict=False):
        if rate is not None:
            axes.axvline(rate, color=colour, linestyle="--", linewidth=1.5, label=f"{name} {rate:.2g}")
