"""Reads texts from files, lines and tables; a row that cannot be read is reported, and the next one is read."""

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
"""Maximum length of a text in characters."""
NOT_TEXT = "is not UTF-8 text"


@dataclass(frozen=True)
class Row:
    """The content of a row, or the reason why it cannot be read.

    Attributes:
        number: Counted from 1.
        content: A text; in JSON it may be a list of ids.
        problem: The reason; empty if the row can be read.
    """

    number: int
    content: str | list[object] = ""
    problem: str = ""


class Lines:
    """Lines of a stream; lines can be given back to be read again.

    Args:
        stream: The stream.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._waiting: deque[str] = deque()

    def readline(self, size: int) -> str:
        """Read a line, or its first `size` characters; a line that was given back is read whole."""
        return self._waiting.popleft() if self._waiting else self._stream.readline(size)

    def give_back(self, lines: Sequence[str]) -> None:
        """Put lines back, to be read again."""
        self._waiting.extendleft(reversed(lines))


def opened(path: Path) -> IO[str]:
    """Open a file whose rows are read one by one; bytes that are not UTF-8 are kept for `readable` to find."""
    return path.open(encoding=ENCODING, errors="surrogateescape", newline="")


def readable(text: str) -> bool:
    """Return whether a text was valid UTF-8 in its file."""
    return text.isascii() or not any("\udc80" <= sign <= "\udcff" for sign in text)


def read_text(path: Path) -> str:
    """Read a file as one text.

    Raises:
        DataError: It is not UTF-8 text, or is too long.
    """
    try:
        with path.open(encoding=ENCODING) as file:
            text = file.read(MAX_TEXT + 1)
    except UnicodeDecodeError:
        raise DataError(f"{path}: {NOT_TEXT}") from None
    if len(text) > MAX_TEXT:
        raise DataError(f"{path}: is longer than {MAX_TEXT >> 20} Mi characters; read each line as a text with --lines")
    return text


def read_lines(stream: IO[str] | Lines) -> Iterator[Row]:
    """Read each line as a text; empty lines are skipped."""
    number = 0
    while line := stream.readline(MAX_TEXT + 1):
        number += 1
        if len(line) > MAX_TEXT:
            while line and not line.endswith("\n"):
                line = stream.readline(MAX_TEXT)
            yield Row(number, problem=f"is longer than {MAX_TEXT >> 20} Mi characters")
        elif not readable(line):
            yield Row(number, problem=NOT_TEXT)
        elif line.strip():
            yield Row(number, line.strip())


def read_column(stream: IO[str] | Lines, name: str, column: str | None, delimiter: str) -> Iterator[Row]:
    """Read one column of a table whose first line names the columns.

    Args:
        stream: The table.
        name: Its name in messages.
        column: The name of the column; None means the only one.
        delimiter: The character between columns.

    Raises:
        DataError: The table has no such column.
    """
    csv.field_size_limit(MAX_TEXT)
    lines = stream if isinstance(stream, Lines) else Lines(stream)
    header = _next(lines, delimiter)
    if isinstance(header, str):
        raise DataError(f"{name}: its first line cannot be read as column names: {header}")
    place, width, number = _place(header or [], name, column), len(header or []), 0
    while (row := _next(lines, delimiter)) is not None:
        number += 1
        if isinstance(row, str):
            yield Row(number, problem=row)
        elif 0 < len(row) < width:
            yield Row(number, problem=f"has only {len(row)} of {width} columns")
        elif any(row[width:]):
            yield Row(
                number,
                problem=f"has {len(row)} columns instead of {width}; a text that contains {delimiter!r} needs quotes",
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
        raise DataError(f"{name}: has several columns; choose the text column with --column: {known}")
    if column is not None and column not in columns:
        raise DataError(f"{name}: has no column {column!r}; its columns: {known}")
    if column is not None and columns.count(column) > 1:
        raise DataError(f"{name}: has {columns.count(column)} columns named {column!r}")
    return columns.index(column) if column is not None else 0


def _next(lines: Lines, delimiter: str) -> list[str] | str | None:
    """Read a row, or return why it cannot be read; None at the end.

    A missing closing quote makes the rest of the file one row; then only its first line counts as unreadable.
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
