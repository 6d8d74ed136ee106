"""Picture files of any size and colour, made into what an image model takes; what is wrong with one names it."""

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
        wanted: What they are to become.
        invert: Whether to turn bright into dark; None leaves it to the ground of each picture.
        limits: Their values of black and white; None judges by each picture.
    """

    def __init__(self, wanted: Wanted, invert: bool | None = None, limits: Limits | None = None) -> None:
        self._wanted, self._invert, self._limits = wanted, invert, limits

    def read(self, source: Path | IO[bytes], name: str, page: int = 0) -> tuple[np.ndarray, list[str]]:
        """Read one picture; `page` is its number in a file of several.

        Returns:
            uint8 (height, width, channels), and what was done to it.

        Raises:
            DataError: It is damaged, no picture, too large, or of an unknown range.
        """
        try:
            return read_picture(source, self._wanted, self._invert, self._limits, page)
        except UnknownRange as error:
            raise DataError(f"{name}: {error}; {WAY_OUT}") from None
        except PixelError as error:
            raise DataError(f"{name}: {error}") from None
        except Image.DecompressionBombError:
            raise DataError(f"{name}: has far more pixels than a picture has") from None
        except UnidentifiedImageError:
            raise DataError(f"{name}: is no picture that can be read ({', '.join(FORMATS)})") from None
        except _DAMAGE as error:
            raise DataError(f"{name}: is damaged: {error}") from None


WAY_OUT = "--range LOW:HIGH gives its values of black and white"
