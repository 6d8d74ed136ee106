"""What a range test has found, as values and as lines; light to import."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Any

WIDTH = 80
APART = 10.0
"""Factor by which the proposals of seeds may differ."""
NEAR = 3.0
"""Factor within which the spec's rate is as good as the proposal."""


@dataclass(frozen=True)
class SeedCurve:
    """The range test of one seed.

    Attributes:
        seed: The seed.
        losses: The loss after each update, as far as training went: until it diverged, or to the end of the range.
        proposal: The rate that this seed alone proposes; None if its loss did not fall, or still fell at the end.
    """

    seed: int
    losses: tuple[float, ...]
    proposal: float | None


@dataclass(frozen=True)
class LearningRateReport:
    """What a range test has found.

    Attributes:
        name: The spec's name.
        settings: Model, data, batch size, optimizer, device and precision, in words.
        key: The field of the spec that holds the rate.
        current: The spec's own rate.
        rates: The rates, rising.
        curves: The curve of each seed.
        losses: The mean of the curves at each rate, cut off above.
        smoothed: The same, smoothed.
        steepest: The rate at which the loss falls most steeply, the geometric mean over the seeds; None if it did not fall.
        lowest: The rate at which it is lowest, likewise; None if it did not fall.
        proposal: The rate that is proposed; None if there is no clear one.
        unclear: Why there is none; empty if there is.
        seconds: How long it took.
    """

    name: str
    settings: str
    key: str
    current: float
    rates: tuple[float, ...]
    curves: tuple[SeedCurve, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    steepest: float | None
    lowest: float | None
    proposal: float | None
    unclear: str
    seconds: float

    @property
    def override(self) -> str | None:
        """What to write behind a spec to train with the proposal; None if there is none."""
        return None if self.proposal is None else f"{self.key}={rate_text(self.proposal)}"

    @property
    def standing(self) -> str:
        """How the spec's own rate compares, and from which rate the loss grows."""
        grew = "" if self.lowest is None else f"the loss grew from {rate_text(self.lowest)} on"
        if self.proposal is None:
            return grew
        return f"the spec's {rate_text(self.current)} is {_times(self.current / self.proposal)}; {grew}"

    def summary(self) -> list[str]:
        """Return what was found, in lines of at most 80 columns."""
        lines = [f"no clear proposal: {self.unclear}", self.standing]
        if self.proposal is not None:
            each = ", ".join(
                f"{'none' if one.proposal is None else rate_text(one.proposal)} with seed {one.seed}"
                for one in self.curves
            )
            alone = " (one seed is thin evidence)" if len(self.curves) == 1 else f" ({each})"
            lines = [f"proposal: {rate_text(self.proposal)}{alone}", self._reading(), self.standing]
            lines.append(f"to use it: {self.override}")
        return [
            textwrap.fill(line, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
            for line in lines
            if line
        ]

    def _reading(self) -> str:
        steepest, lowest = rate_text(self.steepest or 0), rate_text(self.lowest or 0)
        return f"it is in the middle of the steepest fall of the loss, at {steepest}, and its lowest point, at {lowest}"

    def __repr__(self) -> str:
        """Return the lines that the command prints."""
        return "\n".join([self.settings, *self.summary()])

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values; losses that are not finite are None."""
        curves = [{**vars(one), "losses": [_finite(loss) for loss in one.losses]} for one in self.curves]
        return {**vars(self), "curves": curves, "override": self.override, "seconds": round(self.seconds, 1)}


def rate_text(rate: float) -> str:
    """Write a rate with two digits: 0.0024, 3e-05."""
    return f"{rate:.2g}"


def _times(ratio: float) -> str:
    """Say how a rate compares with the proposal."""
    if 1 / NEAR <= ratio <= NEAR:
        return "about the same"
    factor = ratio if ratio > 1 else 1 / ratio
    return f"{float(f'{factor:.2g}'):,g} times {'over' if ratio > 1 else 'under'} the proposal"


def _finite(loss: float) -> float | None:
    return loss if abs(loss) < float("inf") else None
