"""Plots of forecasts: over what came, and their errors by step of the horizon."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from deepcli.data.sources.time_axis import shown_time
from deepcli.reports.number_plots import plain_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from deepcli.evaluation.forecast_examples import ForecastExamples
    from deepcli.evaluation.forecast_predictions import ForecastPredictions


def errors_by_step(predictions: ForecastPredictions) -> Figure:
    """Plot the mean absolute error at each step of the horizon, with the middle half of the errors as a band."""
    errors = predictions.shown_errors
    steps = np.arange(1, errors.shape[1] + 1)
    low, high = np.quantile(errors, [0.25, 0.75], axis=(0, 2))
    figure = Figure(figsize=(6.4, 3.4), layout="constrained")
    axes = figure.subplots()
    axes.fill_between(steps, low, high, alpha=0.2, linewidth=0, label="middle half of the errors")
    axes.plot(steps, errors.mean(axis=(0, 2)), marker="o" if len(steps) <= 30 else "", markersize=3, label="mean")
    unit = plain_text(predictions.names[0]) if len(predictions.names) == 1 else "standard deviations"
    axes.set(xlabel="step of the horizon", ylabel=f"absolute error ({unit})", title="errors by step of the horizon")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize="small")
    return figure


def forecasts_over_truth(
    examples: ForecastExamples, places: Sequence[int], target: int, name: str, written: str, levels: Sequence[float]
) -> Figure:
    """Plot forecasts of a target from some origins over what came, with the end of each window before it."""
    rows = -(-len(places) // 2)
    figure = Figure(figsize=(9, 2.6 * rows + 0.3), layout="constrained")
    drawn = figure.subplots(rows, min(len(places), 2), squeeze=False).ravel()
    for axes, place in zip(drawn, places, strict=False):
        _forecast(axes, examples, place, target, levels)
        axes.set_title(f"from {shown_time(float(examples.times[place]), written)}", fontsize="small")
    for axes in drawn[len(places) :]:
        axes.set_axis_off()
    for axes in drawn[-min(len(places), 2) :]:
        axes.set_xlabel("step")
    drawn[0].set_ylabel(plain_text(name))
    drawn[0].legend(frameon=False, fontsize="small")
    return figure


def _forecast(axes: Axes, examples: ForecastExamples, place: int, target: int, levels: Sequence[float]) -> None:
    past, truth = examples.past[place, :, target], examples.targets[place, :, target]
    values = examples.values[place, :, target]
    before, after = np.arange(1 - len(past), 1), np.arange(1, len(truth) + 1)
    middle = int(np.abs(np.asarray(levels) - 0.5).argmin()) if len(levels) else 0
    axes.axvline(0.5, color="0.6", linewidth=1, linestyle=":")
    axes.plot(np.append(before, after), np.append(past, truth), color="0.45", linewidth=1.2, label="truth")
    if len(levels) > 1:
        band = f"{levels[0]:g} to {levels[-1]:g}"
        axes.fill_between(after, values[:, 0], values[:, -1], color="C1", alpha=0.25, linewidth=0, label=band)
    marker = "o" if len(after) == 1 else ""
    axes.plot(after, values[:, middle], color="C1", linewidth=1.4, marker=marker, markersize=3, label="forecast")
