"""Converts picture files of any size and colour to the inputs of an image model; errors name the file."""

from __future__ import annotations

from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, UnidentifiedImageError

from deepcli.errors import DataError
from deepcli.inputs.colours import FORMATS, Limits
from deepcli.inputs.levels import PixelError, UnknownRange
from deepcli.inputs.picture import Wanted, read_picture

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")
_DAMAGE = (OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError, OverflowError, MemoryError)


class Pictures:
    """Reads pictures.

    Args:
        wanted: The format to convert them to.
        invert: Whether to invert them; None detects it from the background of each picture.
        limits: Their values of black and white; None detects them from each picture.
    """

    def __init__(self, wanted: Wanted, invert: bool | None = None, limits: Limits | None = None) -> None:
        self._wanted, self._invert, self._limits = wanted, invert, limits

    def read(self, source: Path | IO[bytes], name: str, page: int = 0) -> tuple[np.ndarray, list[str]]:
        """Read one picture; `page` is its page number, from 0, in a file with several.

        Returns:
            uint8 (height, width, channels), and notices about what was done to it.

        Raises:
            DataError: It is damaged, not a picture, too large, or its values of black and white are unclear.
        """
        try:
            return read_picture(source, self._wanted, self._invert, self._limits, page)
        except UnknownRange as error:
            raise DataError(f"{name}: {error}; {WAY_OUT}") from None
        except PixelError as error:
            raise DataError(f"{name}: {error}") from None
        except Image.DecompressionBombError:
            raise DataError(f"{name}: has too many pixels for a picture") from None
        except UnidentifiedImageError:
            raise DataError(f"{name}: cannot be read as an image; supported formats: {', '.join(FORMATS)}") from None
        except _DAMAGE as error:
            raise DataError(f"{name}: is damaged: {error}") from None


WAY_OUT = "give its values of black and white with --range LOW:HIGH"
