"""Sizes and colours of pictures from their headers alone, to choose the size and the channels that a model takes."""

from __future__ import annotations

import io
import statistics
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, NamedTuple

from PIL import Image

from deepcli.data.arrays.decoding import FORMATS, quietly
from deepcli.data.arrays.fitting import DAMAGE, orientation
from deepcli.system.cores import cores

LONGEST = 224
"""Pixels of the longer side at most, unless the user chooses a size: what pretrained models take."""
AGREE = 0.9
GREY = ("1", "L", "LA", "La", "I;16", "I;16B", "I;16L", "I;16N")
BATCH = 64


class PictureSize(NamedTuple):
    """What a picture's header says.

    Attributes:
        height: Pixels, after EXIF rotation.
        width: Pixels, after EXIF rotation.
        mode: Pillow's mode, such as `RGB`, `L`, `P`, `CMYK` or `I;16`.
        grey: Whether it has no colours by its mode or its palette.
    """

    height: int
    width: int
    mode: str
    grey: bool


def measure(paths: Sequence[Path]) -> list[PictureSize | None]:
    """Read the headers of pictures on all cores; None for one that cannot be opened."""
    batches = [paths[start : start + BATCH] for start in range(0, len(paths), BATCH)]
    with quietly(), ThreadPoolExecutor(cores()) as pool:
        return [size for sizes in pool.map(lambda batch: [*map(_measured, batch)], batches) for size in sizes]


def found_size(sizes: Sequence[PictureSize | None]) -> tuple[int, int]:
    """Choose a size for pictures: the one that nearly all have, or else the medians; at most 224 pixels on a side.

    Returns:
        (height, width).

    Raises:
        ValueError: None of the pictures could be measured.
    """
    found = Counter((one.height, one.width) for one in sizes if one is not None)
    if not found:
        raise ValueError("none of the pictures can be read")
    (height, width), count = found.most_common(1)[0]
    if count < AGREE * found.total():
        height = statistics.median_low(size[0] for size in found.elements())
        width = statistics.median_low(size[1] for size in found.elements())
    scale = min(1.0, LONGEST / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def found_channels(sizes: Sequence[PictureSize | None]) -> int:
    """Return 1 if no picture has colours, by modes and palettes; else 3."""
    return 1 if all(one.grey for one in sizes if one is not None) else 3


def measure_content(content: bytes) -> PictureSize | None:
    """Read the header of a picture that is in memory; None if it cannot be opened."""
    with quietly():
        return _measured(io.BytesIO(content))


def _measured(path: Path | IO[bytes]) -> PictureSize | None:
    try:
        with Image.open(path, formats=FORMATS) as image:
            height, width = (image.width, image.height) if _is_sideways(image) else (image.height, image.width)
            return PictureSize(height, width, image.mode, _is_grey(image))
    except (*DAMAGE, Image.DecompressionBombError):
        return None


def _is_sideways(image: Image.Image) -> bool:
    """Look only where the header says that there is something: otherwise Pillow would decode a whole PNG for it.

    Pillow gives the size of a TIFF file as it is after rotation.
    """
    return image.format != "TIFF" and ("exif" in image.info or "xmp" in image.info) and orientation(image) >= 5


def _is_grey(image: Image.Image) -> bool:
    if image.mode in GREY:
        return True
    colours = image.getpalette("RGB") if image.mode == "P" else None
    return colours is not None and len(colours) > 0 and colours[::3] == colours[1::3] == colours[2::3]
