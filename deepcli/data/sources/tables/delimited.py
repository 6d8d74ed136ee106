"""Reads tables of delimited text, such as CSV and TSV."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from deepcli.data.schema import MAX_COLUMNS
from deepcli.data.sources.findings import Finding
from deepcli.data.sources.tables.delimiters import (
    SAMPLE_CHARACTERS,
    SAMPLE_LINES,
    Dialect,
    delimiter_of,
    find_dialect,
    long_values,
)
from deepcli.data.sources.tables.header_names import with_names
from deepcli.data.sources.tables.quoted_rows import Records, read_enclosed, read_literal
from deepcli.data.sources.tables.table_bytes import unpacked
from deepcli.data.sources.tables.table_options import Table, TableOptions
from deepcli.data.sources.tables.table_text import TextLines, find_encoding
from deepcli.errors import DataError

SEPARATOR_LINE = re.compile(r'"?sep=.?"?')
"""What Excel writes above a table to say its delimiter."""
CLOSED = 9
"""Rows with quotes that close, for each row with quotes that do not, from which quotes enclose values."""


def read_delimited(path: Path, packed: str, options: TableOptions, ending: str) -> Table:
    """Read a table of delimited text.

    Args:
        path: The file.
        packed: What it is compressed with.
        options: How it is read.
        ending: The ending of its name, without that of the compression.

    Raises:
        DataError: It is not a table, or cannot be read with these options.
    """
    encoding, findings = options.encoding, list[Finding]()
    if encoding == "auto":
        with unpacked(path, packed) as stream:
            encoding, findings = find_encoding(stream, path)
    given = delimiter_of(options.delimiter, path)
    with _lines(path, packed, encoding) as source:
        sample = _sample(source)
    if not any(map(str.strip, sample)):
        raise DataError(f"{path}: is empty")
    with long_values():
        dialect = find_dialect(sample, given, options.quoting, ending, path)
        if dialect.width > MAX_COLUMNS:
            raise DataError(
                f"{path}: has {dialect.width:,} columns; at most {MAX_COLUMNS:,} are read. If each line is one long "
                "vector, save the data as an array (.npz or .h5)"
            )
        quoting, found = _read(path, packed, encoding, dialect, options.quoting)
    layout = {
        "format": "delimited",
        "packed": packed,
        "encoding": encoding,
        "delimiter": dialect.delimiter,
        "quoting": quoting,
        "header": options.header,
    }
    return with_names(path, found, layout, findings)


def _read(path: Path, packed: str, encoding: str, dialect: Dialect, quoting: str) -> tuple[str, Records]:
    """Read all rows; whether quotes enclose values is decided by the whole file, not by its first lines."""
    with _lines(path, packed, encoding) as source:
        if quoting == "none":
            return "none", read_literal(source, dialect, path)
        enclosed = read_enclosed(source, dialect, path)
    way = "escaped" if dialect.quoting == "escaped" else "minimal"
    cost = enclosed.bad.count + enclosed.swallowed
    quotes = enclosed.closed or enclosed.failed or enclosed.swallowed
    is_rule = enclosed.closed > CLOSED * (enclosed.failed + enclosed.swallowed)
    if quoting != "auto" or not quotes or not cost or cost < enclosed.unlike or is_rule:
        return way, enclosed
    with _lines(path, packed, encoding) as source:
        return "none", read_literal(source, dialect, path)


def _sample(source: Iterator[str]) -> list[str]:
    lines, length = [], 0
    for line in islice(source, SAMPLE_LINES):
        lines.append(line)
        length += len(line)
        if length > SAMPLE_CHARACTERS:
            break
    return lines


@contextmanager
def _lines(path: Path, packed: str, encoding: str) -> Iterator[TextLines]:
    with unpacked(path, packed) as stream:
        lines = TextLines(stream, encoding, path)
        try:
            first = next(lines, "")
            if first and not SEPARATOR_LINE.fullmatch(first.strip()):
                lines.put_back([first])
            yield lines
        finally:
            lines.close()
