"""What `find lr` prints: the curve, drawn with characters on a terminal, and what follows from it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from deepcli.cli.charts import WIDTH, chart

if TYPE_CHECKING:
    from deepcli.doctor.finding.rate_report import LearningRateReport

MARGIN = 13
"""Columns on the left of a chart."""
PROPOSAL, CURRENT = "^", "s"


def rate_lines(found: LearningRateReport, output: Path | None, quiet: bool, terminal: bool) -> list[str]:
    """Return what is printed.

    Args:
        found: What was found.
        output: The file of the picture, if one was written.
        quiet: Whether to print only the override, or why there is none.
        terminal: Whether to draw the curve.
    """
    if quiet:
        return [found.override or f"no clear proposal: {found.unclear}"]
    drawn = ["", *rate_chart(found), ""] if terminal else []
    return [found.settings, *drawn, *found.summary(), *([f"wrote {output}"] if output is not None else [])]


def rate_chart(found: LearningRateReport) -> list[str]:
    """Draw the smoothed loss over the rates, on a logarithmic axis with the proposal and the spec's rate below it."""
    from deepcli.doctor.finding.rate_report import rate_text

    low, high = found.rates[0], found.rates[-1]

    def column(rate: float) -> int:
        return round((WIDTH - 1) * math.log(rate / low) / math.log(high / low))

    marks = [" "] * WIDTH
    for sign, rate in ((CURRENT, found.current), (PROPOSAL, found.proposal)):
        if rate is not None and low <= rate <= high:
            marks[column(rate)] = sign
    ends = f"{rate_text(low)}{rate_text(high):>{WIDTH - len(rate_text(low))}}"
    legend = [f"{PROPOSAL} proposal"] * (found.proposal is not None) + [f"{CURRENT} the spec's"]
    return [
        f"training loss (.), smoothed (*) by learning rate; {', '.join(legend)}",
        *chart({".": found.losses, "*": found.smoothed}),
        f"{'':>{MARGIN - 2}}+{'-' * (WIDTH + 1)}",
        f"{'':>{MARGIN}}{''.join(marks).rstrip()}",
        f"{'':>{MARGIN}}{ends}",
    ]
