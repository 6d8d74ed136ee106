"""Separates a drawing's ink from its background, in any two colours, even under uneven light.

The text of this file is also part of `usage.py` beside exported models, so it imports only NumPy and Pillow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from PIL import Image

FAINTEST = 10.0
"""Ink differs from its background by more than this many of 255 levels."""
SAMPLES, RING = 64, 2
"""The background is fitted to at most SAMPLES rows and columns; the outermost RING of them are the border."""


class Area(NamedTuple):
    """A part of a picture; its sides are fractions from 0 to 1."""

    top: float = 0.0
    left: float = 0.0
    bottom: float = 1.0
    right: float = 1.0


WHOLE = Area()


@dataclass
class Ink:
    """How the ink of a picture differs from its background.

    Attributes:
        ground: The colour of the background as a smooth surface over the picture, (terms, channels).
        direction: From the background to full ink, divided by its squared length, (channels,).
        floor: Smaller shares of ink are noise.
        light: Brightness of the background under the ink.
    """

    ground: np.ndarray
    direction: np.ndarray
    floor: float
    light: float

    @property
    def dark(self) -> bool:
        """Whether the ink is darker than the background."""
        return float(self.direction.sum()) < 0

    def shares(self, pixels: np.ndarray, area: Area = WHOLE) -> np.ndarray:
        """Measure the ink of each pixel of a part, from 0 to 1; three quarters count as full, as light is uneven."""
        ground = _surface(self.ground, pixels.shape[0], pixels.shape[1], area)
        shares = (pixels - ground) @ self.direction
        if self.dark:  # paper reflects a share of the light, so in less light the same ink differs by less
            light = ground.mean(axis=2)
            shares = shares * (self.light / light.clip(self.light / 4)).clip(0.5, 4)
        return np.asarray(((shares - self.floor) / (0.75 - self.floor)).clip(0, 1))


def planes(image: Image.Image) -> np.ndarray:
    """Convert a picture to an array (height, width, channels)."""
    pixels = np.asarray(image, np.float32)
    return pixels.reshape(*pixels.shape[:2], -1)


def find_ink(pixels: np.ndarray, dark: bool | None) -> Ink | None:
    """Find what differs most from the background.

    Args:
        pixels: (height, width, channels) from 0 to 255, smoothed.
        dark: Whether the ink is darker than the background; None allows both.

    Returns:
        The ink; None if nothing differs enough.
    """
    height, width, channels = pixels.shape
    ground = _fit_ground(pixels, dark)
    expected = _surface(ground, height, width, WHOLE).reshape(-1, channels)
    rest = pixels.reshape(-1, channels) - expected
    away = np.linalg.norm(rest, axis=1)
    noise = 2 * float(np.percentile(away, 25))  # not the median: ink may fill half of a tightly cropped picture
    if dark is not None:
        away[(rest.sum(axis=1) < 0) != dark] = 0
    chosen = away > max(4 * noise, FAINTEST)
    far = rest[chosen]
    if not len(far):
        return None
    direction = np.linalg.eigh(far.T @ far)[1][:, -1]
    if ((far @ direction) ** 3).sum() < 0:
        direction = -direction
    along = far @ direction
    full = along > 0.7 * np.percentile(along, 99)
    level = float(np.median(along[full]))
    light = max(float(np.median(expected[chosen][full].mean(axis=1))), 1.0)
    return Ink(ground, direction / level, min(max(2 * noise / level, 0.05), 0.35), light)


def _places(height: int, width: int, area: Area) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of rows and columns of a part, from -1 to 1: (height, 1, 1) and (1, width, 1)."""
    rows = 2 * (area.top + (area.bottom - area.top) * (np.arange(height) + 0.5) / height) - 1
    columns = 2 * (area.left + (area.right - area.left) * (np.arange(width) + 0.5) / width) - 1
    return rows.astype(np.float32)[:, None, None], columns.astype(np.float32)[None, :, None]


def _surface(fit: np.ndarray, height: int, width: int, area: Area) -> np.ndarray:
    """Compute a quadratic surface, fit (6, channels), at each pixel of a part: (height, width, channels)."""
    v, u = _places(height, width, area)
    return np.asarray((fit[0] + fit[1] * v + fit[3] * v * v) + (fit[2] + fit[4] * v + fit[5] * u) * u)


def _fit_ground(pixels: np.ndarray, dark: bool | None) -> np.ndarray:
    """Fit a smooth surface to the background, which covers most of the border: (terms, channels).

    The fit begins with a plane along the border, then takes all pixels near the surface; distant pixels have no weight.
    """
    rows, columns = (np.unique(np.linspace(0, size - 1, SAMPLES).round().astype(int)) for size in pixels.shape[:2])
    sample = pixels[np.ix_(rows, columns)]
    height, width, channels = sample.shape
    border = np.ones((height, width), bool)
    border[RING:-RING, RING:-RING] = False
    v, u = (plane.ravel() for plane in np.broadcast_arrays(*_places(height, width, WHOLE)))
    terms = np.stack([np.ones_like(u), v, u, v * v, u * v, u * u], axis=1)
    on_border, values = border.ravel(), sample.reshape(-1, channels)
    # Paper is usually brighter than ink: if half of the border is ink, the brighter half counts as paper.
    share = 60 if dark is None else 75 if dark else 25
    fit = np.zeros((terms.shape[1], channels), np.float32)
    fit[0] = np.percentile(values[on_border], share, axis=0)
    for step in range(14):
        kept, used = (on_border, 3) if step < 6 else (np.ones_like(on_border), 6)
        away = np.linalg.norm(values - terms @ fit, axis=1)
        scale = min(max(4.5 * float(np.median(away[kept])), 12.0), 80.0)  # if half is ink, the median is not the noise
        weights = np.where(kept, 1 - np.minimum(away / scale, 1) ** 2, 0)[:, None]
        if np.count_nonzero(weights) < 2 * used:
            break
        some = terms[:, :used] * weights
        # The ridge term is for pictures with a single row, which do not determine a vertical slope.
        fit[:used] = np.linalg.solve(some.T @ some + 1e-3 * np.eye(used), some.T @ (values * weights))
    return fit
