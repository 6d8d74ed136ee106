"""Converts pictures of any mode to grey or RGB with 8 bits and without transparency.

The text of this file is also part of `usage.py` beside exported models, so it imports only NumPy and Pillow.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageOps

from deepcli.inputs.levels import DARK, PixelError, UnknownRange, Values, judge, to_bytes

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
MAX_PIXELS = 1 << 27
Limits = tuple[float, float]


def flatten(image: Image.Image, limits: Limits | None) -> tuple[Image.Image, list[str]]:
    """Make a newly opened picture upright, opaque, and L or RGB.

    Args:
        image: The picture.
        limits: Its values of black and white; None detects them from the picture.

    Returns:
        The picture, and notices about changes that one might not expect.

    Raises:
        PixelError: It is too large, or its values of black and white cannot be detected.
    """
    if image.width * image.height > MAX_PIXELS:
        raise PixelError(f"has {image.width}x{image.height} pixels, more than {MAX_PIXELS:,}")
    deep = _has_16_bits(image)
    image = ImageOps.exif_transpose(image)
    done: list[str] = []
    if image.mode in ("LA", "RGBA") and image.getextrema()[-1] == (255, 255):
        image = image.convert(image.mode[:-1])  # fully opaque
    if image.mode.startswith(("I", "F")):
        image = _numbers(image, limits, done)
    elif limits is not None:
        image = _stretched(image, limits, deep, done)
    elif deep and max(high for _, high in _extremes(image)) < 256 * DARK * 2:
        raise UnknownRange("its 16-bit colours are nearly black in the range 0 to 65535")
    elif image.mode in ("L", "RGB") and not image.has_transparency_data:
        lows, highs = zip(*_extremes(image), strict=True)
        judge(Values(np.dtype(np.uint8), min(lows), max(highs)))
    if image.has_transparency_data:
        image = _opaque(image.convert("RGBA"), done)
    image = image.convert("L" if image.mode in ("1", "L") else "RGB")
    if 0 < (brightest := max(high for _, high in _extremes(image))) < 255 * DARK:
        done.append(f"nearly black (its brightest value is {brightest} of 255)")
    return image, done


def _has_16_bits(image: Image.Image) -> bool:
    """Return whether the colours in the file have 16 bits, of which Pillow keeps the upper 8."""
    for part in getattr(image, "tile", ()):
        layout = part.args if isinstance(part.args, str) else part.args[0] if part.args else ""
        if ";16" in str(layout):
            return True
    return False


def _extremes(image: Image.Image) -> list[tuple[int, int]]:
    """Return the lowest and the highest value of each colour channel, without transparency."""
    found = image.getextrema()
    each = found if isinstance(found[0], tuple) else (found,)
    return list(each[: len(image.getbands()) - image.mode.endswith(("A", "a"))])  # type: ignore[arg-type]


def _numbers(image: Image.Image, limits: Limits | None, done: list[str]) -> Image.Image:
    pixels = np.asarray(image)
    low, high = limits or judge(Values.of(pixels))
    if limits is None:
        done.append(f"values read as {low:g} (black) to {high:g} (white)")
    return Image.fromarray(to_bytes(pixels, (low, high)))


def _stretched(image: Image.Image, limits: Limits, deep: bool, done: list[str]) -> Image.Image:
    """Scale the colours of an 8-bit picture to the full range."""
    if image.mode not in ("L", "LA", "RGB", "RGBA"):
        done.append(f"the given range was not used, because pictures of mode {image.mode} have their own")
        return image
    pixels = np.array(image)
    colours = pixels[..., : len(image.getbands()) - image.mode.endswith("A")] if pixels.ndim == 3 else pixels
    colours[...] = to_bytes(colours, (limits[0] / 256, limits[1] / 256) if deep else limits)
    stretched = Image.fromarray(pixels)
    stretched.info = image.info
    return stretched


def _opaque(image: Image.Image, done: list[str]) -> Image.Image:
    """Put a picture (RGBA) on white or black: like its own background, or in contrast to ink without a background."""
    factor = -(-max(image.size) // 1024)
    sample = image.reduce(factor) if factor > 1 else image
    grey, alpha = np.asarray(sample.convert("RGB").convert("L")), np.asarray(sample.getchannel("A"))
    levels, shown = np.arange(256), np.bincount(grey.ravel(), alpha.ravel(), 256)
    total = shown.sum()
    if not total:
        done.append("fully transparent")
        return Image.new("L", image.size)
    mean = levels @ shown / total
    if (levels - mean) ** 2 @ shown / total > 40**2:  # two tones: it has its own background
        bright = np.searchsorted(np.cumsum(shown), total / 2) > 127.5
    else:
        bright = mean <= 127.5
    done.append(f"placed on {'white' if bright else 'black'} because it is transparent")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white" if bright else "black"), image)
