"""Reads the rows of delimited text, with quotes that enclose values or are part of them."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

from deepcli.data.sources.tables.bad_rows import BadRows
from deepcli.data.sources.tables.delimiters import Dialect, parse_rows
from deepcli.data.sources.tables.table_text import TextLines

UNCLOSED = "has quotes that do not close"
REMEDY = "If most of them are right, say how to read the file with delimiter or quoting"


@dataclass
class Records:
    """Rows of one length, the line of each, and what was left out.

    Attributes:
        bad: Rows of other lengths.
        rows: The values.
        lines: Line at which each row begins.
        first: The first row, if it has one value more or less than the others, as a header may.
        first_line: Its line.
        closed: Rows with values in quotes that close.
        failed: Rows with quotes that do not.
        swallowed: Lines inside of quoted values that would be rows if quotes were literal.
        unlike: Rows whose length would be wrong if quotes were literal.
    """

    bad: BadRows
    rows: list[list[str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    first: list[str] | None = None
    first_line: int = 0
    swallowed: int = 0
    unlike: int = 0
    closed: int = 0
    failed: int = 0


def read_literal(source: TextLines, dialect: Dialect, path: Path) -> Records:
    """Read rows whose quotes are part of values."""
    found = Records(BadRows(path, REMEDY))
    reader = parse_rows(source, dialect.delimiter, "none")
    while True:
        source.start()
        try:
            row = next(reader)
        except StopIteration:
            return found
        except csv.Error as error:
            found.bad.add(source.number, f"cannot be read ({error})")
            continue
        _take(found, row, source.number, dialect.width)


def read_enclosed(source: TextLines, dialect: Dialect, path: Path) -> Records:
    """Read rows whose values may be in quotes; where quotes do not close, only the line that opens them is bad."""
    found = Records(BadRows(path, REMEDY))
    reader = parse_rows(source, dialect.delimiter, "escaped" if dialect.quoting == "escaped" else "minimal")
    while True:
        source.start()
        try:
            row, why = next(reader), ""
        except StopIteration:
            return found
        except csv.Error as error:
            unclosed = len(source.taken) > 1 or "unexpected end" in str(error)
            row, why = [], UNCLOSED if unclosed else f"cannot be read ({error})"
        taken = source.taken
        line = source.number - len(taken) + 1
        if '"' in taken[0]:
            quoted = _opens(taken[0], dialect.delimiter)
            found.closed, found.failed = found.closed + (quoted and not why), found.failed + bool(why)
        if len(taken) > 1 or '"' in taken[0] or why:
            found.unlike += sum(
                _width(each, dialect) not in (0, dialect.width) for each in (taken[:1] if why else taken)
            )
        if len(taken) == 1 and not why:
            _take(found, row, line, dialect.width)
        elif not why and len(row) == dialect.width:
            found.swallowed += sum(_width(each, dialect) == dialect.width for each in taken[1:])
            _take(found, row, line, dialect.width)
        else:
            found.bad.add(line, why if len(taken) == 1 else UNCLOSED)
            # A quote that does not close reaches to the next one, so that no line is put back often.
            source.put_back(taken[1:])


def _take(found: Records, row: list[str], line: int, width: int) -> None:
    if len(row) == width:
        if "".join(row).strip():
            found.rows.append(row)
            found.lines.append(line)
        return
    if not "".join(row).strip():
        return
    if not found.rows and not found.bad.count and found.first is None and abs(len(row) - width) == 1:
        found.first, found.first_line = row, line
        return
    found.bad.add(line, f"has {len(row)} value{'s' * (len(row) != 1)} instead of {width}")


def _opens(line: str, delimiter: str) -> bool:
    """Return whether a value begins with a quote."""
    return line.lstrip().startswith('"') or f'{delimiter}"' in line or f'{delimiter} "' in line


def _width(line: str, dialect: Dialect) -> int:
    """Return the number of values in a line where quotes are literal; 0 if it is empty."""
    if dialect.delimiter == " ":
        return len(line.split())
    return line.count(dialect.delimiter) + 1 if line.strip() else 0
