"""What a program holds in memory, read as its files are: arrays, images, texts and token ids."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deepcli.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

    from deepcli.inputs.reading import Outcomes, Reader, Source

AS_PNG = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16", "I")
"""Pillow's modes that a PNG file holds; the others go into a TIFF file."""
WHOLE = "inputs"
"""The name of what is given; in a list, the name of each has its number."""


def read_values(reader: Reader, values: Mapping[str, Any]) -> Outcomes:
    """Read inputs of a model: paths, texts, images, arrays and lists of token ids, in any order.

    Args:
        reader: Reads for the model.
        values: What `listed` returned.
    """
    return reader.outcomes(source for name, value in values.items() for source in _of(reader, value, name))


def listed(inputs: Any, shape: Sequence[int | None]) -> dict[str, Any]:
    """List one input or many, each with its name; images of one shape become one array, to be judged together.

    Args:
        inputs: A path or text, an image of Pillow's, an array of one or many examples, a column of a table, or any
            number of such.
        shape: Of one example of the model.
    """
    if isinstance(inputs, str | os.PathLike) or hasattr(inputs, "getexif") or is_one_text(inputs):
        return {WHOLE: inputs}
    if hasattr(inputs, "__array__"):
        array = np.asarray(inputs)
        if array.dtype.kind in "buif" or not array.shape:
            return {WHOLE: array}
        inputs = array.tolist()
    if not isinstance(inputs, Iterable):
        return {WHOLE: inputs}
    values = list(inputs)
    whole = {tuple(shape), tuple(shape[:2])} if len(shape) > 1 else set()
    shapes = {value.shape if isinstance(value, np.ndarray) else None for value in values}
    if len(shapes) == 1 and shapes < whole:
        return {WHOLE: np.stack(values)}
    return {f"{WHOLE}[{number}]": value for number, value in enumerate(values)}


def _of(reader: Reader, value: Any, name: str) -> Iterator[tuple[str, Source]]:
    """Give the sources of one value, each with its name."""
    if isinstance(value, str):
        yield from reader.named(value)
    elif isinstance(value, os.PathLike):
        path = os.fspath(value)
        yield from reader.named(path) if Path(path).exists() else [(path, partial(_missing, path))]
    else:
        yield name, partial(reader.value, value, name)


def _missing(path: str) -> Outcomes:
    raise DataError(f"{path}: no such file")


def is_one_text(value: Any) -> bool:
    """Return whether a list or an array is the token ids of one text."""
    if isinstance(value, np.ndarray):
        return value.ndim == 1 and value.dtype.kind in "iuf"
    return isinstance(value, Sequence) and len(value) > 0 and all(isinstance(one, int | np.integer) for one in value)


def rows_of_ids(value: Any, name: str) -> Iterable[Any]:
    """Give the token ids of each text.

    Raises:
        DataError: They are something else.
    """
    if is_one_text(value):
        return [value]
    if isinstance(value, np.ndarray) and value.ndim == 2:
        return value
    if isinstance(value, list | tuple) and all(isinstance(row, list | tuple | np.ndarray) for row in value):
        return value
    raise DataError(
        f"{name}: is {_described(value)}; should be a text, or token ids: integers (length,) or (texts, length)"
    )


def array_file(value: Any, name: str) -> bytes:
    """Write an array as a `.npy` file.

    Raises:
        DataError: It is not an array of numbers.
    """
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name}: is {_described(value)}, not an array of numbers: {error}") from None
    if array.dtype.kind not in "buif" or not array.shape:
        raise DataError(f"{name}: is {_described(value)}, not a path, an image or an array of numbers")
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def image_file(image: Image) -> io.BytesIO:
    """Write an image as a file, turned as its metadata say, because the file does not keep those."""
    from PIL import ImageOps

    file, upright = io.BytesIO(), ImageOps.exif_transpose(image)
    upright.save(file, "PNG" if upright.mode in AS_PNG else "TIFF")
    file.seek(0)
    return file


def _described(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{'x'.join(map(str, value.shape)) or 'one number'} of {value.dtype}"
    return f"of the type {type(value).__name__}"
