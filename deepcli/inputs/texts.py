"""Texts from files, lines and tables, one after another."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from deepcli.errors import DataError

TABLES = {".csv": ",", ".tsv": "\t"}
MAX_TEXT = 16 << 20
"""Letters of the longest text."""


def read_text(path: Path) -> str:
    """Read a file as one text.

    Raises:
        DataError: It cannot be read, is no text in UTF-8, or is too long.
    """
    with path.open(encoding="utf-8-sig") as file:
        text = file.read(MAX_TEXT + 1)
    if len(text) > MAX_TEXT:
        raise DataError(f"{path}: is longer than {MAX_TEXT >> 20} Mi letters; --lines reads each line as a text")
    return text


def read_lines(stream: IO[str], name: str) -> Iterator[tuple[str, str]]:
    """Read each line as a text, empty ones left out; yields its name and it.

    Raises:
        DataError: A line is too long.
    """
    number = 0
    while line := stream.readline(MAX_TEXT + 1):
        number += 1
        if len(line) > MAX_TEXT:
            raise DataError(f"{name}:{number}: is longer than {MAX_TEXT >> 20} Mi letters")
        if line.strip():
            yield f"{name}:{number}", line.strip()


def read_column(stream: IO[str], name: str, column: str | None, delimiter: str) -> Iterator[tuple[str, str]]:
    """Read one column of a table whose first line names the columns; yields each row's name and its text.

    Args:
        stream: The table.
        name: What to call it.
        column: Which one; None means the only one.
        delimiter: Stands between columns.

    Raises:
        DataError: There is no such column, or the table is damaged.
    """
    csv.field_size_limit(MAX_TEXT)
    rows = csv.reader(stream, delimiter=delimiter, strict=True)
    try:
        columns = next(rows, [])
        if not columns:
            raise DataError(f"{name}: is empty")
        known = ", ".join(columns)
        if column is None and len(columns) != 1:
            raise DataError(f"{name}: has several columns; --column says which holds the texts: {known}")
        if column is not None and column not in columns:
            raise DataError(f"{name}: has no column {column!r}; its columns: {known}")
        place = columns.index(column) if column is not None else 0
        for number, row in enumerate(rows, 1):
            if row:
                if len(row) <= place:
                    raise DataError(f"{name}: row {number} has {len(row)} columns, not {len(columns)}")
                yield f"{name}:{number}", row[place]
    except csv.Error as error:
        raise DataError(f"{name}: is no table: {error}") from None
