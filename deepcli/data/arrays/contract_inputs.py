"""Checks the inputs that a data set returns, pixels or token ids, against its signature."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from deepcli.data.arrays.splits import Tokens
from deepcli.data.signature import Signature
from deepcli.errors import DataError

DARKEST = 16
"""A split whose brightest pixel is at most this is an error: its white is probably 1, 15 or 16 instead of 255."""
PADDING = 0


@dataclass(frozen=True)
class Place:
    """The data set and the split that errors name; the split is None for the whole data set."""

    data: str
    split: str | None

    def fail(self, found: str, wanted: str) -> NoReturn:
        """Raise a DataError that says what was found and what to return."""
        where = f", {self.split} split" if self.split else ""
        raise DataError(f"data set {self.data!r}{where}: {found}; {wanted}")


def what(value: object) -> str:
    """Describe an unexpected value briefly."""
    if value is None:
        return "None"
    if isinstance(value, np.ma.MaskedArray):
        return "a masked array"
    if isinstance(value, np.ndarray):
        return f"an array of {str(value.dtype)[:40]} with the shape {value.shape}"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    return f"of type {type(value).__name__}"


def array_of(value: object, called: str, place: Place) -> np.ndarray:
    """Return a value that must be an array with at least one example.

    Raises:
        DataError: It is not.
    """
    if not isinstance(value, np.ndarray) or isinstance(value, np.ma.MaskedArray):
        place.fail(f"{called} are {what(value)}", "return a plain NumPy array, such as np.asarray(...)")
    if value.ndim == 0:
        place.fail(f"{called} are a single value", "return an array with one entry for each example")
    if not len(value):
        place.fail("it is empty", "return at least one example")
    return np.asarray(value)


def pixels(x: object, signature: Signature, place: Place) -> np.ndarray:
    """Return images as uint8 (n, height, width, channels), if x can be converted without loss.

    Raises:
        DataError: It cannot.
    """
    images = array_of(x, "its images", place)
    if images.shape[1:] != signature.shape:
        place.fail(f"its images are {what(images)}", _shape_wanted(images, signature.shape))
    if images.dtype.kind == "b":
        place.fail("its pixels are bool", "return uint8, x.astype('uint8') * 255")
    if images.dtype.kind == "f":
        _refuse_floats(images, place)
    if images.dtype.kind not in "iu":
        place.fail(f"its pixels are {str(images.dtype)[:40]}", "return uint8 from 0 (black) to 255 (white)")
    brightest, darkest = int(images.max()), 0 if images.dtype == np.uint8 else int(images.min())
    if darkest < 0 or brightest > 255:
        place.fail(
            f"its pixels are {images.dtype} from {darkest} to {brightest}",
            "scale them to 0 (black) to 255 (white) and return uint8",
        )
    if brightest <= DARKEST:
        remedy = f"if {brightest} is white here, return np.round(x * (255 / {brightest})).astype('uint8')"
        place.fail(
            f"its brightest pixel is {brightest}",
            "white is 255, so a model would see only black" + (f"; {remedy}" if brightest else ""),
        )
    return images.astype(np.uint8, copy=False)


def _shape_wanted(images: np.ndarray, shape: tuple[int | None, ...]) -> str:
    wanted = f"the signature promises (n, {', '.join(map(str, shape))})"
    *sides, channels = (size or 0 for size in shape)
    found = images.shape[1:]
    if found == (*sides,) and channels == 1:
        return f"{wanted}: return x[..., None]"
    if found == (channels, *sides):
        return f"{wanted}: return np.moveaxis(x, 1, -1)"
    if len(found) == 1 and found[0] == math.prod((*sides, channels)):
        return f"{wanted}: return x.reshape(-1, {', '.join(map(str, shape))})"
    return f"{wanted}: correct one of the two"


def _refuse_floats(images: np.ndarray, place: Place) -> NoReturn:
    odd = int(images.size - np.isfinite(images).sum())
    if odd:
        place.fail(
            f"{odd:,} of its {images.size:,} pixel values are NaN or infinite",
            "repair or leave out those images, and return uint8 from 0 (black) to 255 (white)",
        )
    low, high = float(images.min()), float(images.max())
    remedies = {
        (0.0, 1.0): "np.round(x * 255).astype('uint8')",
        (-1.0, 1.0): "np.round((x + 1) * 127.5).astype('uint8')",
        (0.0, 255.0): "np.round(x).astype('uint8')",
    }
    fitting = (how for (least, most), how in remedies.items() if least <= low and high <= most)
    wanted = next(fitting, None)
    place.fail(
        f"its pixels are {images.dtype} from {low:g} to {high:g}",
        "return uint8 from 0 (black) to 255 (white)" + (f": {wanted}" if wanted else ""),
    )


def tokens(x: object, signature: Signature, place: Place) -> Tokens:
    """Return sequences of int32 ids; x is either Tokens or an array that is padded with 0 on the right.

    Raises:
        DataError: It is neither, or its ids do not fit the signature.
    """
    if isinstance(x, np.ndarray):
        x = _unpadded(x, place)
    if not isinstance(x, Tokens):
        place.fail(
            f"its sequences are {what(x)}",
            "return Tokens(values, offsets), or an array of ids (n, steps) that is padded with 0 on the right",
        )
    values, offsets = (_flat(part, f"its Tokens.{name}", place) for name, part in vars(x).items())
    _check_offsets(values, offsets, place)
    lengths, vocabulary = np.diff(offsets), signature.vocabulary or 0
    if not lengths.all():
        first = int(np.flatnonzero(lengths == 0)[0])
        place.fail(f"example {first} has no token", "leave it out, or give it a token that means an empty text")
    low, high = int(values.min()), int(values.max())
    if low <= PADDING:
        at = _example(offsets, values <= PADDING)
        why = "is padding and cannot be a token" if low == PADDING else "is negative"
        place.fail(f"id {low} (example {at}) {why}", f"return ids from 1 to {vocabulary - 1}")
    if high >= vocabulary:
        place.fail(
            f"id {high} (example {_example(offsets, values >= vocabulary)}) is not below the vocabulary size, {vocabulary}",
            "leave rare words out, or correct `vocabulary` in the signature",
        )
    longest, (most,) = int(lengths.max()), signature.shape
    if most is not None and longest > most:
        place.fail(
            f"its longest sequence has {longest:,} ids (example {int(lengths.argmax())})",
            f"the signature promises at most {most:,}: truncate it, or correct the shape in the signature",
        )
    return Tokens(values.astype(np.int32, copy=False), offsets.astype(np.int64, copy=False))


def _flat(value: object, called: str, place: Place) -> np.ndarray:
    if not isinstance(value, np.ndarray) or value.ndim != 1 or value.dtype.kind not in "iu":
        place.fail(f"{called} are {what(value)}", "return integers in one dimension")
    return np.asarray(value)


def _check_offsets(values: np.ndarray, offsets: np.ndarray, place: Place) -> None:
    if len(offsets) < 2:
        place.fail("it is empty", "return at least one example, which takes two offsets")
    # Compared before any subtraction, which wraps around in unsigned integers.
    if offsets[0] != 0 or offsets[-1] != len(values) or (offsets[1:] < offsets[:-1]).any():
        place.fail(
            f"its Tokens.offsets run from {offsets[0]} to {offsets[-1]} over {len(values):,} ids",
            "they should begin with 0, never decrease, and end with the number of ids",
        )


def _unpadded(x: np.ndarray, place: Place) -> Tokens:
    """Remove the padding from ids (n, steps) that are padded with 0 on the right."""
    ids = array_of(x, "its sequences", place)
    if ids.ndim != 2 or ids.dtype.kind not in "iu":
        place.fail(f"its sequences are {what(ids)}", "return integer ids, (n, steps), or Tokens(values, offsets)")
    real = ids != PADDING
    lengths = real.sum(axis=1)
    here = np.arange(ids.shape[1]) < lengths[:, None]
    if (real != here).any():
        first = int(np.flatnonzero((real != here).any(axis=1))[0])
        place.fail(
            f"example {first} has padding (0) before a token",
            "pad on the right, pad_sequences(..., padding='post'), or return Tokens(values, offsets)",
        )
    return Tokens(ids[here], np.concatenate([[0], np.cumsum(lengths)]))


def _example(offsets: np.ndarray, wrong: np.ndarray) -> int:
    """Return the index of the example that contains the first wrong id."""
    return int(np.searchsorted(offsets, int(wrong.argmax()), side="right")) - 1
