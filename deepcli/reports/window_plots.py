"""Plots of windows of series before and after an autoencoder, and of series that are drawn from a variational one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from deepcli.reports.number_plots import plain_text

if TYPE_CHECKING:
    from deepcli.evaluation.shown_windows import WindowExamples

ACROSS = 2
SAMPLES_ACROSS = 4
WIDTH = 9.0


def before_and_after(examples: WindowExamples, places: Sequence[int]) -> Figure:
    """Plot windows and what the model makes of them, over each other."""
    rows = -(-len(places) // ACROSS)
    figure = Figure(figsize=(WIDTH, 2.1 * rows + 0.3), layout="constrained")
    drawn = figure.subplots(rows, ACROSS, squeeze=False).ravel()
    for axes, place in zip(drawn, places, strict=False):
        before, after = examples.before[place], examples.after[place]
        steps = np.arange(1, len(before) + 1)
        axes.plot(steps, before, color="0.45", linewidth=1.3, label="before")
        axes.plot(steps, after, color="C1", linewidth=1.3, label="after")
        axes.set_title(_title(examples, place), fontsize="small")
        axes.tick_params(labelsize="small")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    for axes in drawn[len(places) :]:
        axes.set_axis_off()
    for axes in drawn[max(len(places) - ACROSS, 0) : len(places)]:
        axes.set_xlabel("step", fontsize="small")
    drawn[0].legend(frameon=False, fontsize="small")
    return figure


def drawn_series(samples: np.ndarray) -> Figure:
    """Plot series that the decoder makes of codes from the standard normal distribution.

    Args:
        samples: Their first column, float (samples, steps).
    """
    rows = -(-len(samples) // SAMPLES_ACROSS)
    figure = Figure(figsize=(WIDTH, 1.2 * rows + 0.2), layout="constrained")
    axes_of = figure.subplots(rows, SAMPLES_ACROSS, squeeze=False, sharex=True, sharey=True).ravel()
    for axes, sample in zip(axes_of, samples, strict=False):
        axes.plot(np.arange(1, len(sample) + 1), sample, color="C1", linewidth=1.1)
        axes.tick_params(labelsize="small")
    for axes in axes_of[len(samples) :]:
        axes.set_axis_off()
    return figure


def _title(examples: WindowExamples, place: int) -> str:
    """Say the error of a window, and which it is: its times, or its place, and the column if there are several."""
    which = str(examples.times[place]) or f"example {examples.ids[place]}"
    column = str(examples.columns[place])
    return plain_text(f"{examples.errors[place]:.4g}, {which}" + (f", {column}" if column else ""))
