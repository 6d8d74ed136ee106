"""Decodes picture files of any format, mode and size to arrays of one size.

The text of this file may be part of scripts beside exported models, so it imports only NumPy and Pillow.
"""

from __future__ import annotations

import contextlib
import io
import os
import stat
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, MpoImagePlugin, TiffImagePlugin, UnidentifiedImageError, WebPImagePlugin

from deepcli.data.arrays.fitting import (
    ANIMATION,
    DAMAGE,
    GAP,
    PAGES,
    UPRIGHT,
    MissingPicture,
    PictureError,
    Resize,
    fitted_pixels,
    flat,
    orientation,
    resized,
    whole_size,
)
from deepcli.data.arrays.lean_jpeg import lean

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
PLUGINS = (MpoImagePlugin, TiffImagePlugin, WebPImagePlugin)
"""Imported here, because Pillow otherwise imports all its plugins when it meets one of these formats."""
MAX_PIXELS = 1 << 27
MAX_FILE_BYTES = 1 << 29
LARGE_PIXELS = 1 << 24
_LARGE = threading.Lock()


def decode(
    source: Path | bytes, size: tuple[int, int], channels: int, resize: Resize, notes: list[str] | None = None
) -> np.ndarray:
    """Decode a picture: upright, on white where it is transparent, the first frame or page, with antialiasing.

    16-bit colours keep their upper 8 bits. Colours become grey by ITU-R 601.

    Args:
        source: Its file, or the content of one.
        size: (height, width) of the result.
        channels: 1 for grey, 3 for red, green and blue.
        resize: `crop` keeps the middle, `pad` adds black borders, `stretch` changes the aspect ratio.
        notes: Receives `ANIMATION`, `PAGES` or `DARK` for an animation, a file with several pages, and 16-bit colours
            that use at most 12 bits and so are nearly black.

    Returns:
        uint8 (height, width, channels).

    Raises:
        PictureError: It is damaged, truncated, not a picture, too large, or its numbers have no fixed black and white.
    """
    content = source if isinstance(source, bytes) else read_file(source)[0]
    with quietly():
        return decode_content(content, size, channels, resize, [] if notes is None else notes)


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Ignore Pillow's warnings: about damaged metadata, and about sizes, which are checked here. Not for threads."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def read_file(path: Path | str) -> tuple[bytes, os.stat_result, os.stat_result]:
    """Read a file with what the system knows of it before and after.

    Raises:
        PictureError: It does not exist (`MissingPicture`), cannot be read, is not a plain file, or is too large.
    """
    try:
        # Without waiting, in case that it has become a pipe. Not with `open`, which takes longer than the rest.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        try:
            before = os.fstat(handle)
            if not stat.S_ISREG(before.st_mode):
                raise PictureError("is not a plain file")
            if before.st_size > MAX_FILE_BYTES:
                raise PictureError(f"is larger than {MAX_FILE_BYTES >> 20} MiB")
            return _whole(handle, before.st_size), before, os.fstat(handle)
        finally:
            os.close(handle)
    except FileNotFoundError:
        raise MissingPicture("does not exist") from None
    except OSError as error:
        raise PictureError(f"cannot be read: {error.strerror or error}") from None


def _whole(handle: int, size: int) -> bytes:
    """Read a file of a known size; if it has become shorter, what there is."""
    content = os.read(handle, size)
    while len(content) < size and (more := os.read(handle, size - len(content))):
        content += more
    return content


def decode_content(
    content: bytes, size: tuple[int, int], channels: int, resize: Resize, notes: list[str]
) -> np.ndarray:
    """Do what `decode` does with the content of a file, for threads inside `quietly()`."""
    if not content:
        raise PictureError("is empty")
    try:
        content, turn = lean(content)
        with Image.open(io.BytesIO(content), formats=FORMATS) as opened:
            image = _loaded(opened, size[::-1], channels, resize, notes, turn)
            fitted = resized(flat(image, channels, notes), size[::-1], resize)
        if channels == 3 and fitted.mode == "L":
            fitted = fitted.convert("RGB")
        return fitted_pixels(fitted, size, channels)
    except PictureError:
        raise
    except Image.DecompressionBombError:
        raise PictureError(f"has more than {MAX_PIXELS:,} pixels") from None
    except UnidentifiedImageError:
        raise PictureError(f"cannot be read as an image; supported formats: {', '.join(FORMATS)}") from None
    except DAMAGE as error:
        raise PictureError(f"is damaged: {error or type(error).__name__}") from None


def draft_size(found: tuple[int, int], turn: int, size: tuple[int, int], resize: Resize) -> tuple[int, int]:
    """Return the (width, height) from which on a JPEG file may be read in a reduced size.

    Args:
        found: Its (width, height) as stored.
        turn: Its EXIF orientation.
        size: (height, width) of the result.
        resize: How it is brought to this size.
    """
    width, height = whole_size(found, size if turn >= 5 else size[::-1], resize)
    return int(GAP * width), int(GAP * height)


def _loaded(
    image: Image.Image, size: tuple[int, int], channels: int, resize: Resize, notes: list[str], turn: int | None
) -> Image.Image:
    """Read the pixels, in a reduced size where the format can do so, and turn them upright."""
    if image.width * image.height > MAX_PIXELS:
        raise PictureError(f"has {image.width}x{image.height} pixels, more than {MAX_PIXELS:,}")
    if image.format != "MPO" and getattr(image, "is_animated", False):
        notes.append(PAGES if image.format == "TIFF" else ANIMATION)
    if image.format in ("JPEG", "MPO"):
        turned = orientation(image) if turn is None else turn
        image.draft("L" if channels == 1 else None, draft_size(image.size, turned, size[::-1], resize))
    with _LARGE if image.width * image.height > LARGE_PIXELS else contextlib.nullcontext():
        image.load()
    method = UPRIGHT.get(orientation(image) if turn is None else turn)
    return image if method is None else image.transpose(method)
