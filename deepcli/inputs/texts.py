"""Texts from files, lines and tables, one after another; what is wrong with a row is said of it, and the next is read."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from deepcli.errors import DataError

TABLES = {".csv": ",", ".tsv": "\t"}
ENCODING = "utf-8-sig"
MAX_TEXT = 16 << 20
"""Letters of the longest text."""
NOT_TEXT = "is not text in UTF-8"


@dataclass(frozen=True)
class Row:
    """What a row holds, or what is wrong with it.

    Attributes:
        number: Counted from 1.
        content: A text; in JSON it may be a list of ids.
        problem: Empty where the row can be read.
    """

    number: int
    content: str | list[object] = ""
    problem: str = ""


class Lines:
    """Lines of a stream, some of which may be given back to be read again.

    Args:
        stream: Where they come from.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._waiting: deque[str] = deque()

    def readline(self, size: int) -> str:
        """Read a line, or as many letters of it; a line that was given back is read whole."""
        return self._waiting.popleft() if self._waiting else self._stream.readline(size)

    def give_back(self, lines: Sequence[str]) -> None:
        """Let lines be read again."""
        self._waiting.extendleft(reversed(lines))


def opened(path: Path) -> IO[str]:
    """Open a file whose rows are read one by one; bytes that are not UTF-8 are kept until `readable` meets them."""
    return path.open(encoding=ENCODING, errors="surrogateescape", newline="")


def readable(text: str) -> bool:
    """Find out whether a text was UTF-8 in its file."""
    return text.isascii() or not any("\udc80" <= sign <= "\udcff" for sign in text)


def read_text(path: Path) -> str:
    """Read a file as one text.

    Raises:
        DataError: It is not text in UTF-8, or is too long.
    """
    try:
        with path.open(encoding=ENCODING) as file:
            text = file.read(MAX_TEXT + 1)
    except UnicodeDecodeError:
        raise DataError(f"{path}: {NOT_TEXT}") from None
    if len(text) > MAX_TEXT:
        raise DataError(f"{path}: is longer than {MAX_TEXT >> 20} Mi letters; --lines reads each line as a text")
    return text


def read_lines(stream: IO[str] | Lines) -> Iterator[Row]:
    """Read each line as a text, empty ones left out."""
    number = 0
    while line := stream.readline(MAX_TEXT + 1):
        number += 1
        if len(line) > MAX_TEXT:
            while line and not line.endswith("\n"):
                line = stream.readline(MAX_TEXT)
            yield Row(number, problem=f"is longer than {MAX_TEXT >> 20} Mi letters")
        elif not readable(line):
            yield Row(number, problem=NOT_TEXT)
        elif line.strip():
            yield Row(number, line.strip())


def read_column(stream: IO[str] | Lines, name: str, column: str | None, delimiter: str) -> Iterator[Row]:
    """Read one column of a table whose first line names the columns.

    Args:
        stream: The table.
        name: What to call it.
        column: Which one; None means the only one.
        delimiter: Stands between columns.

    Raises:
        DataError: There is no such column.
    """
    csv.field_size_limit(MAX_TEXT)
    lines = stream if isinstance(stream, Lines) else Lines(stream)
    header = _next(lines, delimiter)
    if isinstance(header, str):
        raise DataError(f"{name}: its first line cannot be read as names of columns: {header}")
    place, width, number = _place(header or [], name, column), len(header or []), 0
    while (row := _next(lines, delimiter)) is not None:
        number += 1
        if isinstance(row, str):
            yield Row(number, problem=row)
        elif 0 < len(row) < width:
            yield Row(number, problem=f"has only {len(row)} of {width} columns")
        elif any(row[width:]):
            yield Row(
                number, problem=f"has {len(row)} columns instead of {width}; a text with {delimiter!r} needs quotes"
            )
        elif row:
            yield Row(number, row[place]) if readable(row[place]) else Row(number, problem=NOT_TEXT)


def _place(columns: list[str], name: str, column: str | None) -> int:
    if not columns:
        raise DataError(f"{name}: is empty")
    if not all(map(readable, columns)):
        raise DataError(f"{name}: {NOT_TEXT}")
    known = ", ".join(columns)
    if column is None and len(columns) != 1:
        raise DataError(f"{name}: has several columns; --column says which holds the texts: {known}")
    if column is not None and column not in columns:
        raise DataError(f"{name}: has no column {column!r}; its columns: {known}")
    if column is not None and columns.count(column) > 1:
        raise DataError(f"{name}: has {columns.count(column)} columns named {column!r}")
    return columns.index(column) if column is not None else 0


def _next(lines: Lines, delimiter: str) -> list[str] | str | None:
    """Read a row, or say what is wrong with it; None at the end.

    A quote without its other half makes the rest of the file one row: then its first line alone is to blame.
    """
    read: list[str] = []

    def reading() -> Iterator[str]:
        while line := lines.readline(MAX_TEXT + 1):
            read.append(line)
            yield line

    try:
        return next(csv.reader(reading(), delimiter=delimiter, strict=True), None)
    except csv.Error as error:
        lines.give_back(read[1:])
        return f"cannot be read as a row of a table: {error}"
