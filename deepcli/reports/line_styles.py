"""Colours and markers of the curves of several runs, for a picture and for the tables and legends that repeat them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
    def shape(self) -> str:
        """The path of the marker in a box of 24 by 12."""
        return MARKERS[self.marker]

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
