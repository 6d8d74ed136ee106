"""Converts picture files to the inputs of an image model.

The text of this file is also part of `usage.py` beside exported models, so it imports only NumPy and Pillow.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image, ImageOps

from deepcli.inputs.colours import FORMATS, Limits, flatten
from deepcli.inputs.drawings import fit_drawing


@dataclass(frozen=True)
class Wanted:
    """The format that pictures are converted to.

    Attributes:
        shape: (height, width, channels) of the model's inputs; 1 channel is grey, 3 are red, green and blue.
        bright_on_dark: Whether the model's data are bright on a dark background; None if neither is the rule.
        preparation: How the model's data were made from drawings, as arguments of `fit_drawing`; None for other pictures.
    """

    shape: tuple[int, int, int]
    bright_on_dark: bool | None = None
    preparation: dict[str, Any] | None = None


def read_picture(
    source: Path | IO[bytes], wanted: Wanted, invert: bool | None = None, limits: Limits | None = None, page: int = 0
) -> tuple[np.ndarray, list[str]]:
    """Read one picture.

    Args:
        source: Its file.
        wanted: The format to convert it to.
        invert: Whether to invert it; None detects it from the background of the picture.
        limits: Its values of black and white; None detects them from the picture.
        page: Its page number, from 0, in a file with several.

    Returns:
        uint8 (height, width, channels), and notices about what was done to it.

    Raises:
        PixelError: It is too large, or its values of black and white cannot be detected.
        OSError: It is not a picture. A damaged file may raise other exceptions too.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about damaged metadata, and about the size, which `flatten` checks
        with Image.open(source, formats=FORMATS) as opened:
            opened.seek(page)
            image, done = flatten(opened, limits)
    height, width, channels = wanted.shape
    if wanted.preparation is not None and image.size != (width, height):
        fitted = fit_drawing(image, wanted.shape, invert, bool(wanted.bright_on_dark), **wanted.preparation)
        if fitted is not None:
            return fitted[0], [*done, *fitted[1]]
        done.append("no drawing found on its background")
    image = image.convert("L" if channels == 1 else "RGB")
    ground = on_border(np.asarray(image)[None])[0]
    turned = invert
    if invert is None:
        turned = wanted.bright_on_dark is not None and (ground.mean() > 127.5) == wanted.bright_on_dark
    if turned:
        image, ground = ImageOps.invert(image), 255 - ground
        done.append("inverted" if invert else f"inverted because it is {GROUNDS[bool(wanted.bright_on_dark)]}")
    if image.size != (width, height):
        done.append(f"resized from {image.width}x{image.height} to {width}x{height}")
        image = _resized(image, (width, height), None if wanted.bright_on_dark is None else ground)
    return np.asarray(image, np.uint8).reshape(wanted.shape), done


GROUNDS = {True: "dark on a bright background", False: "bright on a dark background"}
"""The pictures that are inverted if a model's data are bright on dark (True) or dark on bright (False)."""


def on_border(images: np.ndarray) -> np.ndarray:
    """Return the background colour of each image: the median of its border, (images, channels)."""
    planes = images.reshape(*images.shape[:3], -1)
    border = np.concatenate([planes[:, 0], planes[:, -1], planes[:, :, 0], planes[:, :, -1]], axis=1)
    return np.asarray(np.median(border, axis=1))


def _resized(image: Image.Image, size: tuple[int, int], ground: np.ndarray | None) -> Image.Image:
    if ground is None:  # a photo: crop it, as its middle matters most
        return ImageOps.fit(image, size, Image.Resampling.LANCZOS)
    # A drawing: keep all of it, and extend its background.
    scale = min(size[0] / image.width, size[1] / image.height)
    width, height = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    color = tuple(int(value) for value in ground)
    whole = Image.new(image.mode, size, color if len(color) > 1 else color[0])
    small = image.resize((width, height), Image.Resampling.LANCZOS)
    whole.paste(small, ((size[0] - width) // 2, (size[1] - height) // 2))
    return whole
