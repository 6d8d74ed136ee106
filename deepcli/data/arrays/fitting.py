"""Brings a decoded picture of any mode and size to grey or RGB with 8 bits, upright, and to one size.

The text of this file may be part of scripts beside exported models, so it imports only NumPy and Pillow.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from PIL import Image

Resize = Literal["crop", "pad", "stretch"]
GAP = 2.0
"""Pictures are first reduced quickly to this multiple of their final size, then resized with care."""
ORIENTATION, PHOTOMETRIC, BITS = 0x0112, 0x0106, 0x0102
"""Tags of EXIF and TIFF."""
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture upright, by the value of its EXIF orientation."""
ANIMATION, DARK, PAGES = "animation", "dark-picture", "several-pages"
"""Notes about a picture."""
DAMAGE = (
    OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, AttributeError, OverflowError,
    MemoryError, RuntimeError, ArithmeticError,
)  # fmt: skip
"""What Pillow raises for damaged pictures."""


class PictureError(ValueError):
    """A picture cannot be used; the message says why."""


class MissingPicture(PictureError):
    """A picture's file does not exist."""


def orientation(image: Image.Image) -> int:
    """Return the EXIF orientation of an opened picture; 1 if it has none that can be read."""
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except (*DAMAGE, Image.DecompressionBombError):
        return 1


def whole_size(found: tuple[int, int], size: tuple[int, int], resize: Resize) -> tuple[int, int]:
    """Return the (width, height) that a whole picture is brought to.

    Args:
        found: Its (width, height).
        size: (width, height) of the result.
        resize: `crop`, `pad` or `stretch`.
    """
    if resize == "stretch":
        return size
    scales = size[0] / found[0], size[1] / found[1]
    scale = max(scales) if resize == "crop" else min(scales)
    return max(1, round(found[0] * scale)), max(1, round(found[1] * scale))


def flat(image: Image.Image, channels: int, notes: list[str]) -> Image.Image:
    """Bring a picture of any mode to RGB, or to L if it is grey or `channels` is 1; white is behind what is transparent.

    Raises:
        PictureError: Its numbers have no fixed black and white.
    """
    if image.mode == "RGB" and channels == 3 and "transparency" not in image.info:
        return image  # the usual case, without a copy
    if image.mode.startswith("I;16"):
        return _upper_bits(image, notes)
    if image.mode in ("I", "F"):
        raise PictureError("has 32-bit numbers, whose black and white are unknown; convert it to 8 or 16 bits")
    if image.has_transparency_data:
        whole = image.convert("RGBA")
        image = Image.new("RGB", image.size, "white")
        image.paste(whole, mask=whole.getchannel("A"))
    grey = channels == 1 or image.mode in ("1", "L")
    image = image if image.mode in ("1", "L") else image.convert("RGB")
    return image.convert("L") if grey else image


def _upper_bits(image: Image.Image, notes: list[str]) -> Image.Image:
    """Keep the upper 8 of 16 bits, or of the 12 bits that some TIFF files say that they have."""
    pixels, tags = np.asarray(image), getattr(image, "tag_v2", {})
    bits = 12 if tags.get(BITS) == (12,) else 16
    if pixels.max() < 1 << 12 < 1 << bits:
        notes.append(DARK)
    upper = (pixels >> (bits - 8)).astype(np.uint8)
    return Image.fromarray(255 - upper if tags.get(PHOTOMETRIC) == 0 else upper)  # 0: zero is white


def fitted_pixels(image: Image.Image, size: tuple[int, int], channels: int) -> np.ndarray:
    """Return the pixels of a picture in L or RGB, uint8 (height, width, channels); three times faster than `np.asarray`."""
    return np.frombuffer(image.tobytes(), np.uint8).reshape(*size, channels)


def resized(image: Image.Image, size: tuple[int, int], resize: Resize) -> Image.Image:
    """Bring a picture to a (width, height) with antialiasing; `pad` adds black."""
    if image.size == size:
        return image
    if resize == "stretch":
        return image.resize(size, Image.Resampling.BILINEAR, reducing_gap=GAP)
    if resize == "pad":
        inner = whole_size(image.size, size, resize)
        small = resized(image, inner, "stretch")
        whole = Image.new(image.mode, size)
        whole.paste(small, ((size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2))
        return whole
    scale = max(size[0] / image.width, size[1] / image.height)
    width, height = min(image.width, size[0] / scale), min(image.height, size[1] / scale)
    left, top = (image.width - width) / 2, (image.height - height) / 2
    if scale == 1:  # whole pixels stay what they are
        left, top = left // 1, top // 1
    box = (left, top, left + width, top + height)
    return image.resize(size, Image.Resampling.BILINEAR, box, reducing_gap=GAP)
