"""Reads inputs of models of own data: pictures brought to their size as in training, and rows of tables."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from deepcli.data.arrays.decoding import decode
from deepcli.data.arrays.encoded_tables import encode_features
from deepcli.data.arrays.fitting import ANIMATION, DARK, PAGES, PictureError, Resize
from deepcli.data.base import BaseDataset
from deepcli.data.own import OwnDataset
from deepcli.data.schema import Column
from deepcli.data.sources.kinds import TABLES
from deepcli.data.sources.tables.missing_values import missing_of
from deepcli.data.sources.tables.reading_again import read_again
from deepcli.data.sources.tables.table_options import Table
from deepcli.errors import DataError
from deepcli.inputs import arrays
from deepcli.inputs.example import Example, Notify, Unreadable
from deepcli.inputs.reading import ImageReader, Outcomes, Reader, ReadOptions, piped

PECULIAR = {
    ANIMATION: "only the first frame of the animation",
    DARK: "its 16-bit colours use at most 12 bits, so that it is nearly black",
    PAGES: "only the first of its pages",
}


class OwnPictureReader(ImageReader):
    """Reads inputs of models of own pictures, exactly as the pictures of training were read."""

    def __init__(self, data: BaseDataset, options: ReadOptions, notify: Notify, complain: Notify) -> None:
        super().__init__(data, options, notify, complain)
        self._resize: Resize = getattr(data, "resize", "stretch")

    def _picture(self, source: Path | IO[bytes], name: str) -> Outcomes:
        height, width, channels = self._wanted.shape
        notes: list[str] = []
        try:
            content = source if isinstance(source, Path) else source.read()
            x = decode(content, (height, width), channels, self._resize, notes)
        except PictureError as error:
            raise DataError(f"{name}: {error}") from None
        for note in notes:
            self.notify(f"{name}: {PECULIAR.get(note, note)}")
        yield Example(name, x)


@contextmanager
def piped_table() -> Iterator[Path]:
    """Write standard input, a table, into a file that is deleted afterwards.

    Raises:
        DataError: It is empty or too long.
    """
    content = piped()
    ending = "jsonl" if content.lstrip()[:1] == b"{" else "csv"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"input.{ending}"
        path.write_bytes(content)
        yield path


def read_for(data: OwnDataset, path: Path, names: Sequence[str]) -> Table:
    """Read a table for a model of a data set.

    Args:
        data: The data set, with the schema of the model.
        path: The file.
        names: The columns that are needed.

    Raises:
        DataError: It cannot be read, or lacks a column.
    """
    return read_again([(path, None)], data.reading_options, data.data_schema, names)


def tell_of(table: Table, notify: Notify) -> None:
    """Say what was found while a table was read."""
    for finding in table.findings:
        if finding.severity != "note":
            notify(f"{finding.where}: {finding.text}")


class RowReader(Reader):
    """Reads inputs of models of tables: files of rows, or a row as JSON, such as `{"age": 31, "sex": "male"}`."""

    inside = tuple(f".{ending}" for ending in TABLES)

    def __init__(self, data: OwnDataset, options: ReadOptions, notify: Notify, complain: Notify) -> None:
        super().__init__(options, notify, complain)
        self._data = data
        self._columns: Sequence[Column] = data.signature.columns

    def _piped(self) -> Outcomes:
        with piped_table() as path:
            yield from self._table(path, "-")

    def _file(self, path: Path) -> Outcomes:
        if path.suffix.lower() in arrays.SUFFIXES:
            with arrays.opened(path, self.options.key) as stream:
                number = 0
                for rows in arrays.read_rows(stream, str(path)):
                    yield from self._rows_of_numbers(rows, str(path), number)
                    number += len(rows)
        else:
            yield from self._table(path, str(path))

    def _word(self, word: str) -> Outcomes:
        if not word.lstrip().startswith("{"):
            raise DataError(f"{word[:200]}: no such file; a row may also be written as JSON, {self._pattern()}")
        try:
            row = json.loads(word)
        except ValueError as error:
            raise DataError(f"{word[:200]}: is not JSON: {error}") from None
        yield from self.value(row, "row")

    def _pattern(self) -> str:
        return json.dumps({column.name: "..." for column in self._columns[:3]})

    def value(self, value: Any, name: str) -> Outcomes:
        if isinstance(value, Mapping):
            yield self._row(value, name)
            return
        rows = np.asarray(value)
        if rows.dtype.kind not in "iuf":
            raise DataError(f"{name}: should be a row as a dict, such as {self._pattern()}, or an array of numbers")
        yield from self._rows_of_numbers(rows[None] if rows.ndim == 1 else rows, name, 0)

    def _row(self, row: Mapping[str, Any], name: str) -> Example | Unreadable:
        missing = [column.name for column in self._columns if column.name not in row]
        if missing:
            return Unreadable(name, f"{name}: lacks {', '.join(map(repr, missing))}; write null for an unknown value")
        values = [[_text(row[column.name])] for column in self._columns]
        self._tell_unknown(values, name)
        try:
            return Example(name, encode_features(self._columns, values, lambda _: name)[0])
        except DataError as error:
            return Unreadable(name, str(error))

    def _table(self, path: Path, shown: str) -> Outcomes:
        table = read_for(self._data, path, [column.name for column in self._columns])
        tell_of(table, self.notify)
        values = [table.column(column.name) for column in self._columns]
        self._tell_unknown(values, shown)
        x = encode_features(self._columns, values, table.where)
        for line, row in zip(table.lines, x, strict=True):
            yield Example(f"{shown}:{line}", row)

    def _tell_unknown(self, values: Sequence[Sequence[str | None]], shown: str) -> None:
        """Say which categories the model does not know; it takes them for missing ones."""
        for column, cells in zip(self._columns, values, strict=True):
            if column.type == "category":
                strange = sorted(
                    {cell for cell in cells if cell} - set(column.categories) - set(missing_of("category"))
                )
                if strange:
                    told = ", ".join(map(repr, strange[:5])) + (", …" if len(strange) > 5 else "")
                    self.notify(f"{shown}: column {column.name!r}: not seen in training, taken as missing: {told}")

    def _rows_of_numbers(self, rows: np.ndarray, name: str, first: int) -> Iterator[Example | Unreadable]:
        if rows.ndim != 2 or rows.shape[1] != len(self._columns):
            wanted = f"{len(self._columns)} columns: {', '.join(column.name for column in self._columns[:8])}"
            raise DataError(f"{name}: its rows are {'x'.join(map(str, rows.shape[1:]))}; the model takes {wanted}")
        for number, row in enumerate(rows, first):
            yield Example(f"{name}[{number}]", row.astype(np.float32))


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value if value is None else value.strip()
    if isinstance(value, bool):
        return str(value).lower()
    return None if isinstance(value, float) and value != value else str(value)
