"""Pictures of any mode, made grey or red, green and blue in 8 bits, without transparency.

This text is also a part of `usage.py` beside exported models, so it imports nothing but NumPy and Pillow.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageOps

from deepcli.inputs.levels import DARK, PixelError, UnknownRange, Values, judge, to_bytes

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
MAX_PIXELS = 1 << 27
Limits = tuple[float, float]


def flatten(image: Image.Image, limits: Limits | None) -> tuple[Image.Image, list[str]]:
    """Make a picture that has just been opened upright, opaque, and L or RGB.

    Args:
        image: The picture.
        limits: Its values of black and white; None judges by the picture.

    Returns:
        It, and what was done that one might not expect.

    Raises:
        PixelError: It is too large, or nothing says which of its values are black and white.
    """
    if image.width * image.height > MAX_PIXELS:
        raise PixelError(f"has {image.width}x{image.height} pixels, more than {MAX_PIXELS:,}")
    deep = _has_16_bits(image)
    image = ImageOps.exif_transpose(image)
    done: list[str] = []
    if image.mode in ("LA", "RGBA") and image.getextrema()[-1] == (255, 255):
        image = image.convert(image.mode[:-1])  # nothing is transparent
    if image.mode.startswith(("I", "F")):
        image = _numbers(image, limits, done)
    elif limits is not None:
        image = _stretched(image, limits, deep, done)
    elif deep and max(high for _, high in _extremes(image)) < 256 * DARK * 2:
        raise UnknownRange("its 16 bits for each colour are nearly black from 0 to 65535")
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
    """Tell whether the colours in the file have 16 bits, of which Pillow keeps the upper 8."""
    for part in getattr(image, "tile", ()):
        layout = part.args if isinstance(part.args, str) else part.args[0] if part.args else ""
        if ";16" in str(layout):
            return True
    return False


def _extremes(image: Image.Image) -> list[tuple[int, int]]:
    """Find the lowest and the highest value of each colour, transparency apart."""
    found = image.getextrema()
    each = found if isinstance(found[0], tuple) else (found,)
    return list(each[: len(image.getbands()) - image.mode.endswith(("A", "a"))])  # type: ignore[arg-type]


def _numbers(image: Image.Image, limits: Limits | None, done: list[str]) -> Image.Image:
    pixels = np.asarray(image)
    low, high = limits or judge(Values.of(pixels))
    if limits is None:
        done.append(f"values taken as {low:g} (black) to {high:g} (white)")
    return Image.fromarray(to_bytes(pixels, (low, high)))


def _stretched(image: Image.Image, limits: Limits, deep: bool, done: list[str]) -> Image.Image:
    """Bring the colours of a picture of 8 bits into the full range."""
    if image.mode not in ("L", "LA", "RGB", "RGBA"):
        done.append(f"the given range was not used, as the mode {image.mode} has one of its own")
        return image
    pixels = np.array(image)
    colours = pixels[..., : len(image.getbands()) - image.mode.endswith("A")] if pixels.ndim == 3 else pixels
    colours[...] = to_bytes(colours, (limits[0] / 256, limits[1] / 256) if deep else limits)
    stretched = Image.fromarray(pixels)
    stretched.info = image.info
    return stretched


def _opaque(image: Image.Image, done: list[str]) -> Image.Image:
    """Lay a picture (RGBA) on white or black: its own ground goes on, and ink alone gets one that differs from it."""
    factor = -(-max(image.size) // 1024)
    sample = image.reduce(factor) if factor > 1 else image
    grey, alpha = np.asarray(sample.convert("RGB").convert("L")), np.asarray(sample.getchannel("A"))
    levels, shown = np.arange(256), np.bincount(grey.ravel(), alpha.ravel(), 256)
    total = shown.sum()
    if not total:
        done.append("wholly transparent")
        return Image.new("L", image.size)
    mean = levels @ shown / total
    if (levels - mean) ** 2 @ shown / total > 40**2:  # two tones: a sheet with something on it
        bright = np.searchsorted(np.cumsum(shown), total / 2) > 127.5
    else:
        bright = mean <= 127.5
    done.append(f"laid on {'white' if bright else 'black'}, as it is transparent")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white" if bright else "black"), image)
