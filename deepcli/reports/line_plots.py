"""Lines over whole epochs: on a logarithmic axis where it helps, with gaps where a value is not a finite number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter

from deepcli.evaluation.scores import SCORES
from deepcli.optim.metrics import METRICS
from deepcli.reports.number_plots import plain_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FEW_EPOCHS = 40
"""Below this number of epochs, each value has a mark."""
MOST_TICKS = 8
"""Number of epochs up to which each is named on the axis."""
LOGARITHMIC_FROM = 50.0
"""Ratio of the largest to the smallest value from which the axis is logarithmic."""


def draw_lines(axes: Axes, lines: Mapping[str, tuple[Sequence[int], Sequence[float]]], title: str) -> None:
    """Draw one metric of one or several runs over the epochs; the legend is left to the caller.

    Values that are not finite leave a gap, with a cross on the axis below it. A single value is drawn as a point.

    Args:
        axes: Empty axes.
        lines: By label, epochs counted from 1, and the value of each.
        title: The metric's name, as in `history.csv`.
    """
    told = False
    for label, (epochs, values) in lines.items():
        if not len(values):
            continue
        places, numbers = np.asarray(epochs), np.asarray(values, float)
        finite = np.isfinite(numbers)
        numbers = np.where(finite, numbers, np.nan)
        drawn = axes.plot(places, numbers, marker="." if len(places) < FEW_EPOCHS else None, label=plain_text(label))
        alone = finite & ~np.append(finite[1:], False) & ~np.append(False, finite[:-1])
        axes.plot(places[alone], numbers[alone], ".", color=drawn[0].get_color())
        if not finite.all():
            note = {} if told else {"label": "not a finite number"}
            below, on_axis = np.zeros(np.sum(~finite)), axes.get_xaxis_transform()
            axes.plot(places[~finite], below, "x", color="C3", transform=on_axis, clip_on=False, **note)  # type: ignore[arg-type]
            told = True
    axes.set_xlabel("epoch")
    axes.set_title(plain_text(title))
    axes.grid(alpha=0.3)
    _count_epochs(
        axes, [epoch for epochs, values in lines.values() if len(values) for epoch in (min(epochs), max(epochs))]
    )
    _scale(axes, [value for _, values in lines.values() for value in values], title)


def epoch_ticks(first: int, last: int) -> list[int]:
    """Return the epochs to name on an axis: whole ones only, with the first."""
    for step in (scale * factor for scale in (10**power for power in range(12)) for factor in (1, 2, 5)):
        if (last - first) / step < MOST_TICKS:
            break
    return [first, *(epoch for epoch in range(step, last + 1, step) if 2 * (epoch - first) >= step)]


def _count_epochs(axes: Axes, ends: Sequence[int]) -> None:
    if ends:
        first, last = min(ends), max(ends)
        edge = min(max(0.04 * (last - first), 0.15), 0.9)
        axes.set_xlim(first - edge, last + max(edge, 0.04 * (last - first)))
        axes.xaxis.set_major_locator(FixedLocator(epoch_ticks(first, last)))


def _scale(axes: Axes, values: Sequence[float], name: str) -> None:
    """Make the axis logarithmic if one part of the line would be flat otherwise."""
    finite = [value for value in values if np.isfinite(value)]
    if not finite:
        axes.set_yticks([])
    if not finite or min(finite) <= 0 or not falls(name) or max(finite) / min(finite) < LOGARITHMIC_FROM:
        return
    decades = np.log10(max(finite) / min(finite))
    axes.set_yscale("log")
    axes.set_ylabel("log scale")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 3.0) if decades < 3 else (1.0,), numticks=8))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def falls(name: str) -> bool:
    """Return whether a column of `history.csv` is a loss, an error or the learning rate, so that it has no upper bound."""
    metric = name.removeprefix("val_")
    known = METRICS.get(metric) or SCORES.get(metric)
    return metric in ("loss", "learning_rate") or (known is not None and known.better == "min")
