"""Reads inputs of models that were trained on one column of a table: of texts, or of paths of pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from deepcli.data.lexicon import Lexicon
from deepcli.data.sources.kinds import TABLES, ending_of
from deepcli.data.sources.tables.row_splits import named_picture
from deepcli.data.sources.tables.table_options import Table
from deepcli.data.sources.tables.table_reading import read_table
from deepcli.data.table import TableDataset
from deepcli.errors import DataError
from deepcli.inputs import records, texts
from deepcli.inputs.example import Notify, Unreadable
from deepcli.inputs.own_reading import OwnPictureReader, piped_table, read_for, tell_of
from deepcli.inputs.reading import Outcomes, ReadOptions, TextReader


class TextColumnReader(TextReader):
    """Reads inputs of models of a column of texts: tables as the one of training was read, and what text models read."""

    def __init__(
        self, data: TableDataset, lexicon: Lexicon | None, options: ReadOptions, notify: Notify, complain: Notify
    ) -> None:
        super().__init__(data, lexicon, options, notify, complain)
        self._table_data = data
        self.usual: str = data.data_schema.columns[0].name

    def _piped(self) -> Outcomes:
        if self.options.column is None:
            yield from super()._piped()
        else:
            with piped_table() as path:
                yield from self._rows(self._column(path), "-")

    def _file(self, path: Path) -> Outcomes:
        is_json = path.suffix.lower() in (*records.LINES, *records.WHOLE)
        if not is_json and (self.options.column or ending_of(path.name) in set(TABLES) - {"txt"}):
            yield from self._rows(self._column(path), str(path))
        else:
            yield from super()._file(path)

    def _column(self, path: Path) -> Iterator[texts.Row]:
        table, name = self._found(path)
        tell_of(table, self.notify)
        for line, text in zip(table.lines, table.column(name), strict=True):
            yield texts.Row(line, text) if text else texts.Row(line, problem="has no text")

    def _found(self, path: Path) -> tuple[Table, str]:
        """Return a table and the name of its column of texts: the one that was named, that of training, or the only one."""
        name = self.options.column or self.usual
        try:
            return read_for(self._table_data, path, [name]), name
        except DataError as error:
            table = read_table(path)
            if self.options.column or len(table.names) != 1:
                raise DataError(f"{error}; choose the text column with --column") from None
            return table, table.names[0]


class PictureColumnReader(OwnPictureReader):
    """Reads inputs of models of a column of paths: tables whose column names pictures, and what picture models read."""

    def __init__(self, data: TableDataset, options: ReadOptions, notify: Notify, complain: Notify) -> None:
        super().__init__(data, options, notify, complain)
        self._table_data, self._column = data, data.data_schema.columns[0].name

    def _file(self, path: Path) -> Outcomes:
        if ending_of(path.name) not in TABLES:
            yield from super()._file(path)
            return
        table = read_for(self._table_data, path, [self._column])
        tell_of(table, self.notify)
        for line, name in zip(table.lines, table.column(self._column), strict=True):
            place = f"{path}:{line}"
            try:
                picture = named_picture(path.parent, name or "", place)
                yield from self._picture(path.parent / picture.name, place)
            except DataError as error:
                yield Unreadable(place, str(error))
