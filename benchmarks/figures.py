"""Results of measured runs: ratios, a verdict on accuracy, a table and JSON."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sides import Comparison

POINTS = 0.3
"""Mean test accuracies of two sides count as the same if they differ by at most this many percentage points."""
COLUMNS = {"wall": "wall", "cpu": "CPU", "memory": "peak memory"}


@dataclass(frozen=True)
class Run:
    """One run of a side: wall and CPU seconds, peak resident memory in MiB, accuracy from 0 to 1, seconds per epoch."""

    seed: int
    wall: float
    cpu: float
    memory: float
    accuracy: float
    precision: str | None = None
    epoch_seconds: float | None = None


@dataclass(frozen=True)
class Row:
    """A comparison with the runs of both sides, in the same order of seeds."""

    comparison: Comparison
    ours: Sequence[Run]
    theirs: Sequence[Run]

    def ratios(self, figure: str) -> list[float]:
        """Divide our figure by theirs, or by the time of some of their epochs, seed by seed."""
        epochs = self.comparison.epochs
        theirs = [getattr(run, figure) if epochs is None else epochs * (run.epoch_seconds or 0) for run in self.theirs]
        return [getattr(run, figure) / other for run, other in zip(self.ours, theirs, strict=True)]

    @property
    def difference(self) -> float:
        """Our mean accuracy minus theirs, in percentage points."""
        return 100 * (mean_accuracy(self.ours) - mean_accuracy(self.theirs))

    @property
    def error(self) -> float | None:
        """The standard error of that difference over the seeds; None with a single seed."""
        if len(self.ours) < 2:
            return None
        variances = (statistics.variance(run.accuracy for run in runs) for runs in (self.ours, self.theirs))
        return 100 * math.sqrt(sum(variances) / len(self.ours))

    @property
    def agrees(self) -> bool:
        """Whether both sides reach the same accuracy within noise, or our side reaches its target."""
        if self.comparison.at_least is not None:
            return mean_accuracy(self.ours) >= self.comparison.at_least
        return abs(self.difference) <= POINTS or self.within_noise

    @property
    def within_noise(self) -> bool:
        """Whether the difference is above the limit, but at most two of its standard errors."""
        return self.error is not None and POINTS < abs(self.difference) <= 2 * self.error

    def cells(self, check: bool) -> list[str]:
        """Return the row as cells of a table."""
        comparison = self.comparison
        show = percents if comparison.percent else ratios
        figures = [show(self.ratios(name)) if name in comparison.figures else "" for name in COLUMNS]
        accuracy = f"{100 * mean_accuracy(self.ours):.2f} / {100 * mean_accuracy(self.theirs):.2f} %"
        asked = comparison.at_least
        yes, no = ("the same", "NOT THE SAME") if asked is None else (f"at least {asked:.1%}", f"BELOW {asked:.1%}")
        if asked is None and self.within_noise:
            yes = "within noise"
        verdict = "not checked" if not check else yes if self.agrees else no
        error = "" if self.error is None else f" ± {self.error:.2f}"
        return [
            comparison.name,
            f"{comparison.ours.name} / {comparison.their_name}",
            *figures,
            accuracy,
            f"{self.difference:+.2f}{error}",
            verdict,
        ]

    def plain(self, check: bool) -> dict[str, Any]:
        """Return the row as plain values."""
        return {
            "name": self.comparison.name,
            "ours": {"name": self.comparison.ours.name, "runs": [asdict(run) for run in self.ours]},
            "theirs": {"name": self.comparison.theirs.name, "runs": [asdict(run) for run in self.theirs]},
            "ratios": {name: self.ratios(name) for name in self.comparison.figures},
            "accuracy_difference_points": self.difference,
            "accuracy_standard_error_points": self.error,
            "same_accuracy": self.agrees if check else None,
        }


def mean_accuracy(runs: Sequence[Run]) -> float:
    return statistics.mean(run.accuracy for run in runs)


def ratios(values: Sequence[float]) -> str:
    """Format the median ratio with the smallest and the largest."""
    return f"{statistics.median(values):.3f} [{min(values):.3f}, {max(values):.3f}]"


def percents(values: Sequence[float]) -> str:
    """Format the same as additional cost in percent."""
    middle, least, most = (100 * (value - 1) for value in (statistics.median(values), min(values), max(values)))
    return f"{middle:+.1f} % [{least:+.1f}, {most:+.1f}]"


def table(rows: Sequence[Row], check: bool) -> str:
    """Format all rows in aligned columns."""
    head = ["comparison", "ours / theirs", *COLUMNS.values(), "mean accuracy", "points apart", ""]
    lines = [head, *(row.cells(check) for row in rows)]
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
