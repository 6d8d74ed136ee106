"""Converts numbers of any type to 8-bit pixels; their range is detected only where the evidence is clear.

The text of this file is also part of `usage.py` beside exported models, so it imports only NumPy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

DARK = 1 / 8
"""If the brightest value is a smaller fraction of a range, the range is probably wrong."""


class PixelError(ValueError):
    """Pixels cannot be used; the message says why."""


class UnknownRange(PixelError):
    """It is unclear which value is black and which is white."""


@dataclass
class Values:
    """Type and range of pixel values.

    Attributes:
        dtype: Their type.
        low: The smallest value; NaN if one of the values is NaN.
        high: The largest value; NaN if one of the values is NaN.
    """

    dtype: np.dtype[Any]
    low: float
    high: float

    @classmethod
    def of(cls, pixels: np.ndarray) -> Values:
        """Measure pixels, of which there must be at least one."""
        return cls(pixels.dtype, float(pixels.min()), float(pixels.max()))

    def joined(self, more: Values) -> Values:
        """Combine with the values of more pixels of the same file."""
        low, high = np.minimum(self.low, more.low), np.maximum(self.high, more.high)  # unlike min(), these keep NaN
        return Values(self.dtype, float(low), float(high))


def judge(values: Values) -> tuple[float, float]:
    """Detect which values are black and white.

    Raises:
        UnknownRange: Several ranges are possible, or none.
        PixelError: A value is NaN or infinite.
    """
    low, high, kind = values.low, values.high, values.dtype.kind
    if not np.isfinite([low, high]).all():
        raise PixelError("its values include NaN or infinity")
    if kind == "b" or low == high == 0:
        return 0, 1
    shown = f"its values range from {low:g} to {high:g}"
    if low < 0:
        raise UnknownRange(f"{shown}, so it is unclear which value is black")
    if values.dtype == np.uint8:
        if high < 255 * DARK:
            raise UnknownRange(f"{shown}, which is nearly black in the range 0 to 255")
        return 0, 255
    if high == 1 or (high < 1 and high >= DARK):
        return 0, 1
    if 128 <= high <= 255:
        return 0, 255
    # Cameras and scanners also put values of up to 14 bits (16383) into 16 bits.
    if 16_383 < high <= 65_535 and kind != "f":
        return 0, 65_535
    raise UnknownRange(f"{shown}, which fits neither 0 to 1 nor 0 to 255" + " nor 0 to 65535" * (kind != "f"))


def to_bytes(pixels: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """Convert numbers to uint8: the first limit becomes black (0), the second white (255).

    Raises:
        PixelError: Values are outside the limits.
    """
    low, high = limits
    if pixels.dtype == np.uint8 and limits == (0, 255):
        return pixels
    scaled = (pixels.astype(np.float64) - low) / (high - low)
    if scaled.size and not (scaled.min() >= -0.001 and scaled.max() <= 1.001):  # NaN is neither
        raise PixelError(f"its values range from {pixels.min():g} to {pixels.max():g}, outside {low:g} to {high:g}")
    return np.round(scaled.clip(0, 1) * 255).astype(np.uint8)
