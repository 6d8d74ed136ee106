"""Turns own arrays into the inputs of models: uint8 images, float32 features or token ids; only without loss."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NoReturn

import numpy as np

from deepcli.data.arrays.contract_inputs import DARKEST
from deepcli.data.arrays.made_arrays import made_of
from deepcli.data.arrays.mapped_files import is_mapped
from deepcli.data.arrays.splits import Inputs, Tokens
from deepcli.data.arrays.stored_rows import free_memory
from deepcli.data.arrays.token_sequences import StoredTokens
from deepcli.data.schema import Kind
from deepcli.errors import DataError

ArrayKind = Literal["auto", "image", "features", "tokens"]
PIECE_BYTES = 64 << 20
MOST_CHANNELS = 4
EXACT_WHOLE = 1 << 24
"""Whole numbers up to this size are exact in float32."""


@dataclass(frozen=True)
class Named:
    """An array with its place, for messages."""

    file: str
    name: str
    array: np.ndarray

    def fail(self, found: str, wanted: str) -> NoReturn:
        """Raise a DataError that says what was found and what to do."""
        raise DataError(f"{self.file}: array {self.name!r}: {found}; {wanted}")


def kind_of(x: Named, kind: ArrayKind) -> Kind:
    """Return what an array of inputs holds; token ids only if `kind` says so.

    Raises:
        DataError: Its shape and dtype fit no kind of input.
    """
    shape, code = x.array.shape, x.array.dtype.kind
    described = f"it is {x.array.dtype} with the shape {shape}"
    if not shape or not shape[0]:
        x.fail(f"{described}, without examples" if shape else "it is a single value", "save one row for each example")
    if 0 in shape:
        x.fail(described, "save at least one value for each example")
    if code in "SU":
        x.fail("it holds strings", "texts are read from a table (CSV) or a folder; numbers are read from arrays")
    if code not in "biuf":
        x.fail(described, "save real numbers")
    if kind != "auto":
        return kind
    if len(shape) <= 2:
        return "features"
    if len(shape) == 3 or (len(shape) == 4 and shape[3] <= MOST_CHANNELS):
        return "image"
    if len(shape) == 4 and shape[1] <= MOST_CHANNELS:
        x.fail(described, "images are (n, height, width, channels): save np.moveaxis(x, 1, -1)")
    wanted = "images are (n, height, width[, channels up to 4]), features are (n, columns): x.reshape(len(x), -1)"
    return x.fail(described, wanted)


def inputs_of(x: Named, kind: Kind) -> Inputs:
    """Return an array as a kind of input.

    Returns:
        uint8 (n, height, width, channels), float32 (n, columns) or `Tokens`.

    Raises:
        DataError: It cannot be converted without loss.
    """
    if kind == "image":
        return _images(x)
    return _tokens(x) if kind == "tokens" else _features(x)


def _images(x: Named) -> np.ndarray:
    shape = x.array.shape
    if len(shape) not in (3, 4) or (len(shape) == 4 and shape[3] > MOST_CHANNELS):
        x.fail(f"its shape is {shape}", "images are (n, height, width) or (n, height, width, channels up to 4)")
    images = x.array if len(shape) == 4 else x.array[..., None]
    if images.dtype != np.uint8:
        images = _bytes(x, images)
    brightest = max(int(piece.max()) for piece in _pieces(images))
    if brightest <= DARKEST:
        remedy = (
            f"; if {brightest} is white, save np.round(x * (255 / {brightest})).astype('uint8')" if brightest else ""
        )
        x.fail(f"its brightest pixel is {brightest}", f"white is 255, so a model would see only black{remedy}")
    return images


def _bytes(x: Named, images: np.ndarray) -> np.ndarray:
    """Return pixels as uint8, if that is exact: whole numbers from 0 to 255, or 256 levels from 0 to 1."""
    if images.dtype.kind == "b":
        return made_of((piece * np.uint8(255) for piece in _pieces(images)), images.shape, np.uint8)
    low, high, whole = _range(x, images)
    scale = 255 if images.dtype.kind == "f" and high <= 1 else 1
    if low < 0 or high * scale > 255 or (scale == 1 and not whole):
        _refuse_pixels(x, low, high)
    # A level k is stored as k / 255 or k * (1 / 255), which differ in the last digits of the dtype.
    nearness = 4 * 255 * float(np.finfo(images.dtype).eps) if images.dtype.kind == "f" else 0.0

    def levels_of(piece: np.ndarray) -> np.ndarray:
        levels: np.ndarray = np.round(scaled := piece * scale)
        if scale == 255 and (np.abs(scaled - levels) > nearness).any():
            x.fail(
                f"its pixels are {images.dtype} from {low:g} to {high:g}, with values between the 256 levels of uint8",
                "round them, np.round(x * 255).astype('uint8'), or flatten them to be read as numbers, x.reshape(len(x), -1)",
            )
        return levels

    return made_of(map(levels_of, _pieces(images)), images.shape, np.uint8)


def _range(x: Named, values: np.ndarray) -> tuple[float, float, bool]:
    """Return the least and the greatest value, and whether all are whole numbers."""
    low, high, whole = np.inf, -np.inf, True
    for piece in _pieces(values):
        least, most = piece.min(), piece.max()
        if not (np.isfinite(least) and np.isfinite(most)):
            x.fail("it has pixels that are NaN or infinite", "repair or leave out those images")
        low, high = min(low, float(least)), max(high, float(most))
        whole = whole and (piece.dtype.kind != "f" or bool((piece == np.trunc(piece)).all()))
    return low, high, whole


def _refuse_pixels(x: Named, low: float, high: float) -> NoReturn:
    wanted = "scale them to 0 (black) to 255 (white) and save uint8"
    if x.array.dtype.kind == "f" and low >= -1 and high <= 1:
        wanted = "save np.round((x + 1) * 127.5).astype('uint8')"
    elif low >= 0 and high <= 255:
        wanted = "save np.round(x).astype('uint8')"
    elif low >= 0 and high <= 65535 and x.array.dtype.kind in "iu":
        wanted = "if 65535 is white, save np.round(x / 257).astype('uint8')"
    x.fail(f"its pixels are {x.array.dtype} from {low:g} to {high:g}, not uint8", wanted)


def _features(x: Named) -> np.ndarray:
    array = x.array[:, None] if x.array.ndim == 1 else x.array
    if array.ndim != 2:
        x.fail(f"its shape is {x.array.shape}", "features are (n, columns): save x.reshape(len(x), -1)")
    if array.dtype == np.float32 and isinstance(array, np.memmap):
        made: np.ndarray = array
    else:
        with np.errstate(over="ignore"):
            made = made_of(_pieces(array), array.shape, np.float32)
    for start, part in _numbered(made):
        if (infinite := np.isinf(part)).any():
            row, column = (int(place[0]) for place in np.nonzero(infinite))
            value = array[start + row, column]
            x.fail(
                f"row {start + row}, column {column} is {value}"
                + (", too large for float32" if np.isfinite(value) else ""),
                "replace it; NaN means a missing value",
            )
    return made


def loses_digits(x: Named) -> bool:
    """Return whether an array has whole numbers that float32 cannot hold exactly, such as identifiers."""
    if x.array.dtype.kind not in "iu" or x.array.dtype.itemsize < 4:
        return False
    return any(int(piece.max()) > EXACT_WHOLE or int(piece.min()) < -EXACT_WHOLE for piece in _pieces(x.array))


def _tokens(x: Named) -> Tokens:
    """Remove the padding (0) before or after the ids of each row; ids in a file that is mapped stay there."""
    ids = x.array
    if ids.ndim != 2 or ids.dtype.kind not in "iu":
        x.fail(f"it is {ids.dtype} with the shape {ids.shape}", "token ids are integers, (n, steps), padded with 0")
    # All at once, as each pass reads a file that may be larger than memory.
    found = [(part.min(), part.max(), *_spans(part != 0)) for part in _pieces(ids)]
    lows, highs, *spans = zip(*found, strict=True)
    low, high = int(min(lows)), int(max(highs))
    if low < 0 or high > np.iinfo(np.int32).max:
        x.fail(f"it has the id {low if low < 0 else high}", "ids are 0 for padding and positive for tokens")
    lengths, first, last = map(np.concatenate, spans)
    if not lengths.all():
        x.fail(f"row {int(lengths.argmin())} has no token", "leave it out, or give it a token that means an empty text")
    if (gaps := lengths != last - first).any():
        row = int(gaps.argmax())
        x.fail(f"row {row} has a 0 between ids", "0 is padding, which may only be before or after the ids")
    if is_mapped(ids) and ids.flags.c_contiguous:
        begins = np.arange(len(ids), dtype=np.int64) * ids.shape[1] + first
        return StoredTokens([ids.reshape(-1)], begins, lengths.astype(np.int64), free_memory())
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Tokens(made_of((part[part != 0] for part in _pieces(ids)), (int(offsets[-1]),), np.int32), offsets)


def _spans(real: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the number of ids in each row, and the places of the first one and behind the last one."""
    return real.sum(axis=1), real.argmax(axis=1), real.shape[1] - real[:, ::-1].argmax(axis=1)


def _pieces(array: np.ndarray) -> Iterator[np.ndarray]:
    """Give an array in pieces of rows, so that a mapped file is never in memory as a whole."""
    return (piece for _, piece in _numbered(array))


def _numbered(array: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    # By values and not by bytes, so that arrays of one shape and two dtypes have the same pieces.
    step = max(1, PIECE_BYTES // 8 // max(array[0].size, 1))
    for start in range(0, len(array), step):
        yield start, array[start : start + step]
