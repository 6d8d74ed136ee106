"""The curve of a range test: when it has diverged, where it falls most steeply, and where it is lowest.

The test is that of Smith (2017), "Cyclical Learning Rates for Training Neural Networks", https://arxiv.org/abs/1506.01186.
fastai and Lightning, whose `lr_find` made it known, smooth the loss by a moving average that lags behind, and read a rate off where
it falls most steeply, or at a tenth of the rate where it is lowest (https://docs.fast.ai/callback.schedule.html,
https://lightning.ai/docs/pytorch/stable/advanced/training_tricks.html). The kernel here looks both ways and does not lag, so the lowest
point is where the loss begins to grow, not later; the proposal is in the middle of it and the steepest fall. `benchmarks/find_lr.py`
shows what that is worth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

BETA = 0.9
"""Share that the moving average keeps by which divergence is recognized; at 0.98, a usual value, it lags by half of 100 steps."""
TIMES = 4.0
"""A loss that is this many times its best has diverged."""
WIDTH = 0.03
"""Standard deviation of the kernel that smooths the curve, as a share of the range; it looks both ways, so it shifts nothing."""
REACH = 5
"""Standard deviations after which the kernel ends."""
FLAT = 0.1
"""Share of the range at its beginning where the loss is taken to be that of a fresh model."""
BEGUN = 0.25
"""Share of the whole fall that is over where the loss counts as falling."""
QUIET = 1 / 3
"""Share of the range from whose losses the noise is estimated, by the difference of one to the next."""
CLEAR, LEAST = 4.0, 0.005
"""A fall counts if it is this many standard errors, and this share of the loss."""


@dataclass(frozen=True)
class RateReading:
    """What can be read off a curve.

    Attributes:
        steepest: The rate at which the loss falls most steeply.
        lowest: The rate at which it is lowest; above it, it grows.
        fell: Whether it fell at all, beyond noise.
        ended: Whether it still fell at the last rate.
    """

    steepest: float
    lowest: float
    fell: bool
    ended: bool

    @property
    def proposal(self) -> float | None:
        """The rate in the middle of the steepest fall and the lowest point, on a logarithmic scale; None if unclear."""
        return math.sqrt(self.steepest * self.lowest) if self.fell and not self.ended else None


def moving_average(losses: np.ndarray, beta: float = BETA) -> np.ndarray:
    """Return the exponential moving average, with the bias of its beginning corrected."""
    kept, found = 0.0, []
    for step, loss in enumerate(losses, 1):
        kept = beta * kept + (1 - beta) * float(loss)
        found.append(kept / (1 - beta**step))
    return np.array(found)


class DivergenceWatch:
    """Recognizes divergence from one loss after the other.

    Training has diverged if a loss is not finite, or if the moving average is four times its best and half of what was gained is
    lost again: of a loss near 0, four times is still little, and one that may be negative has no fourfold.
    """

    def __init__(self) -> None:
        self._kept, self._count = 0.0, 0
        self._first, self._best = math.nan, math.inf

    def has_diverged(self, loss: float) -> bool:
        """Take note of the next loss; return whether training has diverged with it."""
        self._count += 1
        self._kept = BETA * self._kept + (1 - BETA) * loss
        average = self._kept / (1 - BETA**self._count)
        if not math.isfinite(average):
            return True
        if self._count == 1:
            self._first = average
        self._best = min(self._best, average)
        worse = average - self._best
        return worse > (TIMES - 1) * abs(self._best) and worse > (self._first - self._best) / 2


def smoothed(losses: np.ndarray) -> np.ndarray:
    """Return the curve smoothed by a normal kernel, whose weights add up to 1 at both ends too."""
    width = _width(len(losses))
    reach = min(math.ceil(REACH * width), len(losses) - 1)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    total, weight = (
        np.convolve(values, kernel)[reach : reach + len(losses)] for values in (losses, np.ones(len(losses)))
    )
    smooth: np.ndarray = total / weight
    return smooth


def capped(losses: np.ndarray, count: int) -> np.ndarray:
    """Return a curve for all of `count` rates, cut off above the beginning by as much as it fell below.

    What comes after divergence is as high as that: a single huge loss would be all that a mean shows.
    """
    start, low = fresh(losses), float(moving_average(losses[np.isfinite(losses)]).min())
    top = start + max(start - low, 3 * noise(losses))
    whole = np.full(count, top)
    whole[: len(losses)] = np.where(np.isfinite(losses), np.minimum(losses, top), top)
    return whole


def read_curve(rates: np.ndarray, losses: np.ndarray, error: float) -> RateReading:
    """Read a curve that `capped` has made.

    Args:
        rates: The rate of each update, rising.
        losses: The loss after each.
        error: The noise of a single loss.
    """
    smooth, start = smoothed(losses), fresh(losses)
    bottom = int(smooth.argmin())
    fall = start - float(smooth[bottom])
    averaged = 2 * math.sqrt(math.pi) * _width(len(losses))  # a plain mean of this many losses has the same error
    clear = CLEAR * error * math.sqrt(1 / averaged + 1 / _flat(len(losses)))
    before = np.flatnonzero(smooth[: bottom + 1] > start - BEGUN * fall)
    begins = int(before[-1]) if len(before) else 0
    slopes = np.gradient(smooth)
    return RateReading(
        steepest=float(rates[begins + int(slopes[begins : bottom + 1].argmin())]),
        lowest=float(rates[bottom]),
        fell=fall > max(clear, LEAST * abs(start)),
        ended=bottom >= len(rates) - max(1, round(_width(len(losses)))),
    )


def fresh(losses: np.ndarray) -> float:
    """Return the loss of a fresh model, from the smallest rates."""
    return float(losses[: _flat(len(losses))].mean())


def noise(losses: np.ndarray) -> float:
    """Return the standard deviation of a loss from batch to batch, at the smallest rates."""
    return float(np.diff(losses[: max(3, round(QUIET * len(losses)))]).std() / math.sqrt(2))


def _flat(count: int) -> int:
    return max(3, round(FLAT * count))


def _width(count: int) -> float:
    return max(1.0, WIDTH * count)
