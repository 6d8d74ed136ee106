"""Plots of runs with Matplotlib: learning curves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from deepcli.errors import UsageError
from deepcli.reports.line_plots import draw_lines as draw_lines
from deepcli.system.atomic import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from deepcli.run.loaded import LoadedRun


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
    epochs, values, held_out = _epochs(run), run.curves[name], run.curves.get(f"val_{name}", [])
    lines = {"training": (epochs, values), "validation": (epochs, held_out)} if held_out else {name: (epochs, values)}
    draw_lines(axes, lines, name)
    if (best := run.best_epoch) and name != "learning_rate":
        axes.axvline(best, color="0.5", linestyle=":", label=f"best epoch {best}")
    if len(axes.get_legend_handles_labels()[1]) > 1:
        axes.legend(frameon=False)


def overlaid(runs: Sequence[LoadedRun], name: str) -> Figure:
    """Plot one column of several runs' histories over the epochs."""
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    draw_lines(axes, {run.name: (_epochs(run), run.curves.get(name, [])) for run in runs}, name)
    axes.legend(frameon=False)
    return figure


def _epochs(run: LoadedRun) -> list[int]:
    return [int(row["epoch"]) for row in run.history]


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
