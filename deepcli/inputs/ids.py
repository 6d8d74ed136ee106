"""Reads rows of token ids from arrays, padded on either side, of one length or several; each row by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO, Any

from deepcli.data.arrays.archive import DAMAGE, read_header, read_objects
from deepcli.data.base import ReadsTexts
from deepcli.errors import DataError
from deepcli.inputs import arrays
from deepcli.inputs.example import Example, Notify, Unreadable


class Rows:
    """Converts the rows of one source to a text model's inputs; each kind of doubt is reported once.

    Args:
        data: The model's data set.
        notify: Receives notices about doubtful rows.
    """

    def __init__(self, data: ReadsTexts, notify: Notify) -> None:
        self._data, self._notify = data, notify
        self._told: set[str] = set()

    def take(self, row: Any, name: str) -> Example | Unreadable:
        """Read one row.

        Args:
            row: Integers, or floating-point numbers that are whole.
            name: Its name in messages and results.
        """
        try:
            x = self._data.take(row)
        except ValueError as error:
            return Unreadable(name, f"{name}: {error}")
        for doubt in self._doubts(x):
            if doubt not in self._told:
                self._told.add(doubt)
                self._notify(f"{name}: {doubt}; other rows may have the same problem")
        return Example(name, x)

    def _doubts(self, x: Any) -> Iterator[str]:
        first, (longest,) = self._data.first, self._data.signature.shape
        if not len(x):
            yield "contains only padding"
        elif first is not None:
            if x[0] != first and (longest is None or len(x) < longest):
                yield f"does not begin with {first}, which starts every text"
            if (x[1:] == first).any():
                yield f"has {first}, which starts a text, in the middle; are these word ranks instead of ids?"


def read_array(stream: IO[bytes], name: str, rows: Rows) -> Iterator[Example | Unreadable]:
    """Read an array of ids, (texts, length), or an object array of lists of any length.

    Raises:
        DataError: It is damaged, or another kind of array.
    """
    number = 0
    for part in _parts(stream, name):
        for row in part:
            yield rows.take(row, f"{name}[{number}]")
            number += 1


def _parts(stream: IO[bytes], name: str) -> Iterator[Iterable[Any]]:
    try:
        shape, _, dtype = read_header(stream)
        stream.seek(0)
    except DAMAGE as error:
        raise DataError(f"{name}: cannot be read as an array: {error}") from None
    if dtype.hasobject and shape:
        yield read_objects(stream, name)
        return
    if len(shape) != 2 or dtype.kind not in "iuf":
        sizes = "x".join(map(str, shape)) or "1"
        raise DataError(f"{name}: is {sizes} of {dtype}; it should be integer token ids (texts, length), padded with 0")
    yield from arrays.read_rows(stream, name)
