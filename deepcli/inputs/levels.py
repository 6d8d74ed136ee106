"""From numbers of any kind to pixels of 8 bits: which range they have, judged only where the evidence is clear.

This text is also a part of `usage.py` beside exported models, so it imports nothing but NumPy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

DARK = 1 / 8
"""Where the brightest value is a smaller share of the range, the range is likely another one."""


class PixelError(ValueError):
    """Pixels cannot be used, and the message says why."""


class UnknownRange(PixelError):
    """Nothing says for certain which value is black and which is white."""


@dataclass
class Values:
    """What is known of numbers that are pixels.

    Attributes:
        dtype: What they are kept in.
        low: The smallest; NaN if one of the numbers is.
        high: The largest; NaN if one of the numbers is.
    """

    dtype: np.dtype[Any]
    low: float
    high: float

    @classmethod
    def of(cls, pixels: np.ndarray) -> Values:
        """Look through pixels; there must be some."""
        return cls(pixels.dtype, float(pixels.min()), float(pixels.max()))

    def joined(self, more: Values) -> Values:
        """Join with what is known of more pixels of the same file."""
        low, high = np.minimum(self.low, more.low), np.maximum(self.high, more.high)  # unlike min(), these keep NaN
        return Values(self.dtype, float(low), float(high))


def judge(values: Values) -> tuple[float, float]:
    """Judge which values are black and white.

    Raises:
        UnknownRange: Several ranges are possible, or none.
        PixelError: There is NaN, or something infinite.
    """
    low, high, kind = values.low, values.high, values.dtype.kind
    if not np.isfinite([low, high]).all():
        raise PixelError("its values include NaN or infinity")
    if kind == "b" or low == high == 0:
        return 0, 1
    shown = f"its values go from {low:g} to {high:g}"
    if low < 0:
        raise UnknownRange(f"{shown}, and nothing says which value is black")
    if values.dtype == np.uint8:
        if high < 255 * DARK:
            raise UnknownRange(f"{shown}, nearly black in bytes from 0 to 255")
        return 0, 255
    if high == 1 or (high < 1 and high >= DARK):
        return 0, 1
    if 128 <= high <= 255:
        return 0, 255
    # Up to 14 bits (16383) are what cameras and scanners put into 16 bits.
    if 16_383 < high <= 65_535 and kind != "f":
        return 0, 65_535
    raise UnknownRange(f"{shown}, which fits neither 0 to 1 nor 0 to 255" + " nor 0 to 65535" * (kind != "f"))


def to_bytes(pixels: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """Make uint8 of numbers: the first limit is black (0), the second white (255).

    Raises:
        PixelError: Some lie outside.
    """
    low, high = limits
    if pixels.dtype == np.uint8 and limits == (0, 255):
        return pixels
    scaled = (pixels.astype(np.float64) - low) / (high - low)
    if scaled.size and not (scaled.min() >= -0.001 and scaled.max() <= 1.001):  # NaN is neither
        raise PixelError(f"its values go from {pixels.min():g} to {pixels.max():g}, outside {low:g} to {high:g}")
    return np.round(scaled.clip(0, 1) * 255).astype(np.uint8)
