"""Learning curves of several runs in one picture: the best in colours that the table repeats, the others in grey."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from deepcli.reports.line_plots import draw_lines
from deepcli.reports.line_styles import LineStyle

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from deepcli.run.loaded import LoadedRun


def overlaid_curves(runs: Sequence[LoadedRun], metric: str, styles: Mapping[int, LineStyle]) -> Figure | None:
    """Draw a metric of several runs: validation, and training dashed; None if no run has it.

    Args:
        runs: The runs.
        metric: The name of the metric, without `val_`.
        styles: By the place of a run in `runs` its colour; the others are grey, below, without training.
    """
    lines: dict[str, tuple[Sequence[int], Sequence[float]]] = {}
    for place in sorted(range(len(runs)), key=lambda one: one in styles):
        columns = runs[place].columns
        held_out = f"val_{metric}"
        for name in (metric, held_out) if place in styles or held_out not in columns else (held_out,):
            if name in columns:
                lines[f"{place} {name}"] = columns["epoch"], columns[name]  # type: ignore[assignment]
    if not lines:
        return None
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    draw_lines(axes, lines, metric)
    _restyle(axes, lines, styles)
    return figure


def _restyle(
    axes: Axes, lines: Mapping[str, tuple[Sequence[int], Sequence[float]]], styles: Mapping[int, LineStyle]
) -> None:
    """Give each line its style; what is drawn without a name belongs to the line before it."""
    held_out = any(name.split(" ")[1].startswith("val_") for name in lines)
    current: dict[str, Any] = {}
    for line in axes.lines:
        label = str(line.get_label())
        if label in lines:
            place, name = label.split(" ")
            style = styles.get(int(place))
            epochs = len(lines[label][0])
            current = style.properties(epochs) if style else {"color": "0.6", "alpha": 0.5, "marker": "", "zorder": 1}
            training = held_out and not name.startswith("val_")
            more = {"linestyle": "--", "marker": "", "linewidth": 1} if training else {"linewidth": 1.8}
            line.set(**{**current, **more})
            if epochs == 1:
                line.set(marker="o")
        elif line.get_marker() == ".":
            line.set(color=current.get("color"), alpha=current.get("alpha"))
