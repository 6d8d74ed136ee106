"""Picture files of any size and colour, made into what an image model takes."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from deepcli.errors import DataError

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")
MAX_PIXELS = 1 << 27
_DAMAGE = (OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError, OverflowError, MemoryError)


class Pictures:
    """Reads pictures.

    Args:
        shape: (height, width, channels) of what the model takes; 1 channel is grey, 3 are red, green and blue.
        bright_on_dark: Whether the model's data show bright on a dark ground; None where that is no question.
        invert: Whether to turn bright into dark; None leaves it to the ground of each picture.
    """

    def __init__(self, shape: tuple[int, int, int], bright_on_dark: bool | None, invert: bool | None) -> None:
        self._shape, self._bright_on_dark, self._invert = shape, bright_on_dark, invert

    def read(self, source: Path | IO[bytes], name: str) -> tuple[np.ndarray, list[str]]:
        """Read one picture.

        Returns:
            uint8 (height, width, channels), and what was done to it.

        Raises:
            DataError: It is damaged, no picture, or too large.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # damaged metadata; the size is looked at below
                with Image.open(source, formats=FORMATS) as image:
                    if image.width * image.height > MAX_PIXELS:
                        raise DataError(f"{name}: has {image.width}x{image.height} pixels, more than {MAX_PIXELS:,}")
                    return self._fit(_plain(ImageOps.exif_transpose(image), self._shape[2]))
        except Image.DecompressionBombError:
            raise DataError(f"{name}: has far more pixels than a picture has") from None
        except UnidentifiedImageError:
            raise DataError(f"{name}: is no picture that can be read ({', '.join(FORMATS)})") from None
        except _DAMAGE as error:
            raise DataError(f"{name}: is damaged: {error}") from None

    def _fit(self, image: Image.Image) -> tuple[np.ndarray, list[str]]:
        height, width, channels = self._shape
        done = []
        ground = _ground(image)
        invert = bool(self._bright_on_dark and np.mean(ground) > 127.5) if self._invert is None else self._invert
        if invert:
            image = ImageOps.invert(image)
            ground = tuple(255 - value for value in ground)
            done.append("inverted" if self._invert else "inverted, as it is dark on a bright ground")
        if image.size != (width, height):
            done.append(f"resized from {image.width}x{image.height} to {width}x{height}")
            if self._bright_on_dark is None:  # a photo: what is outside the middle matters least
                image = ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)
            else:  # a drawing: all of it matters, and the ground can go on
                color = ground if channels > 1 else ground[0]
                image = ImageOps.pad(image, (width, height), Image.Resampling.LANCZOS, color=color)
        return np.asarray(image, np.uint8).reshape(self._shape), done


def _plain(image: Image.Image, channels: int) -> Image.Image:
    """Turn any mode into 8 bits of grey or of each colour; what is transparent shows a ground that differs from it."""
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        image = _eight_bits(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        pixels = np.asarray(image)
        shown = pixels[pixels[..., 3] > 127][:, :3]
        bright = len(shown) and shown.mean() > 127.5
        below = Image.new("RGBA", image.size, "black" if bright else "white")
        image = Image.alpha_composite(below, image)
    return image.convert("L" if channels == 1 else "RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    values = np.asarray(image)
    if values.dtype.kind == "f":
        raise ValueError("its pixels are floating-point numbers without a known range")
    if values.min() < 0 or values.max() > 65_535:
        raise ValueError("its pixels have more than 16 bits")
    return Image.fromarray((values >> 8).astype(np.uint8))


def _ground(image: Image.Image) -> tuple[int, ...]:
    """Return the colour of the ground: the median of the border, of each channel."""
    pixels = np.asarray(image)
    planes = pixels.reshape(*pixels.shape[:2], -1)
    border = np.concatenate([planes[0], planes[-1], planes[:, 0], planes[:, -1]])
    return tuple(int(value) for value in np.median(border, axis=0))


def pictures_in(folder: Path) -> Iterator[Path]:
    """Find the pictures in a folder, by their names, in order."""
    yield from sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
