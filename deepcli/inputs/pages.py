"""Picture files with several pages: every page of a TIFF is predicted, but only the first frame of an animation."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import IO

from PIL import Image

from deepcli.inputs.colours import FORMATS
from deepcli.inputs.example import Notify

SUBFILE_TYPE, REDUCED = 254, 1
"""TIFF's tag for the type of a page, and its bit for a page that is a smaller version of another."""
DAMAGE = (OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError, OverflowError, MemoryError, KeyError)


def pages(source: Path | IO[bytes], name: str, notify: Notify) -> list[int]:
    """Choose which pages of a picture file to predict, by their numbers from 0.

    Args:
        source: The file, or a stream that can be read again.
        name: Its name in messages.
        notify: Receives notices about frames that are left out, or about several pages.

    Returns:
        The numbers of the pages; only the first if the file cannot be read, so that reading it reports the error.
    """
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(source, formats=FORMATS) as image:
            count = getattr(image, "n_frames", 1)
            if count == 1 or image.format not in ("TIFF", "GIF", "WEBP", "PNG"):
                return [0]
            if image.format != "TIFF":
                notify(f"{name}: is an animation; only the first of its {count} frames is predicted")
                return [0]
            chosen = [number for number in range(count) if number == 0 or not _is_smaller(image, number)]
    except (*DAMAGE, Image.DecompressionBombError):
        return [0]
    if len(chosen) > 1:
        notify(f"{name}: has {len(chosen)} pages; each is predicted")
    return chosen


def _is_smaller(image: Image.Image, number: int) -> bool:
    """Return whether a page is a smaller version of another."""
    image.seek(number)
    return bool(image.tag_v2.get(SUBFILE_TYPE, 0) & REDUCED)  # type: ignore[attr-defined]
