"""Learning curves of several runs in one picture: the best in colours that the table repeats, the others in grey."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from markupsafe import Markup
from matplotlib.figure import Figure

from deepcli.reports.line_plots import draw_lines

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from deepcli.run.loaded import LoadedRun

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "currentColor")
"""Colours that people with any kind of colour vision can distinguish, on light and on dark ground.

Source: Okabe & Ito (2008), "Color Universal Design", with a darker yellow, and the page's text for black.
"""
MARKERS = {"o": "M9 6a3 3 0 1 0 6 0a3 3 0 1 0-6 0z", "s": "M9 3h6v6h-6z", "^": "M12 2.5l3.6 6.5h-7.2z"}
MARKERS |= {"D": "M12 2l4 4l-4 4l-4-4z", "v": "M12 9.5l3.6-6.5h-7.2z", "P": "M11 2h2v3h3v2h-3v3h-2v-3h-3v-2h3z"}
"""Matplotlib's names of the markers, each with the path of the same shape in a box of 24 by 12."""
MOST_COLOURED = 2 * len(COLOURS)
MARKS_ON_A_LINE = 8


@dataclass(frozen=True)
class LineStyle:
    """How the curves of a run are drawn.

    Attributes:
        place: The place of the run among those with colours, from 0.
    """

    place: int

    @property
    def colour(self) -> str:
        """The colour."""
        return COLOURS[self.place % len(COLOURS)]

    @property
    def marker(self) -> str:
        """Matplotlib's name of the marker."""
        return list(MARKERS)[self.place % len(MARKERS)]

    @property
    def is_hollow(self) -> bool:
        """Whether the marker is hollow: the second run of a colour."""
        return self.place >= len(COLOURS)

    @property
    def swatch(self) -> Markup:
        """The line and the marker as a small picture."""
        fill = "none" if self.is_hollow else self.colour
        return Markup(
            '<svg class="swatch" viewBox="0 0 24 12" width="24" height="12" aria-hidden="true">'
            '<path d="M0 6h24" stroke="{0}" stroke-width="2"/><path d="{1}" fill="{2}" stroke="{0}"/></svg>'
        ).format(self.colour, MARKERS[self.marker], fill)

    def properties(self, epochs: int) -> dict[str, Any]:
        """Return the properties of the line of Matplotlib."""
        drawn = (
            "#000000" if self.colour == "currentColor" else self.colour
        )  # reports replace black by the text's colour
        face = {"markerfacecolor": "none"} if self.is_hollow else {"markerfacecolor": drawn}
        every = max(1, round(epochs / MARKS_ON_A_LINE))
        return {
            "color": drawn,
            "marker": self.marker,
            "markersize": 5,
            "markeredgecolor": drawn,
            "markevery": every,
            **face,
        }


def overlaid_curves(runs: Sequence[LoadedRun], metric: str, styles: Mapping[int, LineStyle]) -> Figure | None:
    """Draw a metric of several runs: validation, and training dashed; None if no run has it.

    Args:
        runs: The runs.
        metric: The name of the metric, without `val_`.
        styles: By the place of a run in `runs` its colour; the others are grey, below.
    """
    lines: dict[str, tuple[Sequence[int], Sequence[float]]] = {}
    for place in sorted(range(len(runs)), key=lambda one: one in styles):
        columns = runs[place].columns
        for name in (metric, f"val_{metric}"):
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
