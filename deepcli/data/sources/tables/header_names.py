"""Names for the columns of delimited text: from its first row, or `column_1` and so on."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepcli.data.sources.findings import Finding
from deepcli.data.sources.tables.header_rule import LOOKED_AT, HeaderVerdict, has_header
from deepcli.data.sources.tables.table_options import Table, check_names
from deepcli.errors import DataError

if TYPE_CHECKING:
    from deepcli.data.sources.tables.quoted_rows import Records


def with_names(path: Path, found: Records, layout: dict[str, Any], findings: list[Finding]) -> Table:
    """Make a table of rows: find whether the first holds names, and leave out what only is around the table.

    Raises:
        DataError: Names are missing or there twice, there are no rows, or too many rows are bad.
    """
    if not found.rows:
        if found.first:
            found.bad.add(found.first_line, "has another number of values than the rest")
        found.bad.findings(0)
        raise DataError(f"{path}: has no rows")
    first, in_rows = _first_row(found)
    top = [[row[k].strip() for row in islice(found.rows, int(in_rows), LOOKED_AT)] for k in range(len(found.rows[0]))]
    verdict = _verdict(layout["header"], first, top)
    if verdict.header:
        names = first
        if in_rows:
            del found.rows[0], found.lines[0]
    else:
        names = [f"column_{k}" for k in range(1, len(top) + 1)]
    if found.first and (in_rows or not verdict.header):
        found.bad.add(
            found.first_line, f"has {len(found.first)} value{'s' * (len(found.first) != 1)} instead of {len(top)}"
        )
    if not found.rows:
        raise DataError(f"{path}: has a header and no rows; write header: false if the first row is data")
    columns: list[list[str | None]] = [list(map(str.strip, column)) for column in zip(*found.rows, strict=True)]
    notes = [*findings, *found.bad.findings(len(found.rows))]
    if not verdict.sure and layout["header"] == "auto":
        other = "false" if verdict.header else "true"
        what = "names" if verdict.header else "data"
        text = f"the first row is taken for {what}, a guess: {verdict.reason}. If that is wrong, write header: {other}"
        notes.append(Finding("header-guess", "warning", f"{path}:1", text))
    if verdict.header:
        names, columns = _named(path, names, columns, notes)
    check_names(path, names)
    known = {**layout, "header": verdict.header}
    return Table(path, tuple(names), tuple(columns), found.lines, known, notes)


def _first_row(found: Records) -> tuple[list[str], bool]:
    """Return the row that may hold names, as long as the others, and whether it is one of the rows.

    R writes no name above row names, so that the header is shorter by one; a line may also end with a delimiter.
    """
    first, width = found.first, len(found.rows[0])
    if first is None:
        return [value.strip() for value in found.rows[0]], True
    below = [[row[k].strip() for row in islice(found.rows, 1, LOOKED_AT)] for k in range(width)]
    verdict = has_header(found.rows[0], below)
    if verdict.header and verdict.sure:  # a title is above the names
        return [value.strip() for value in found.rows[0]], True
    cells = [value.strip() for value in first]
    if len(cells) > width:
        return (cells[:width], False) if not cells[-1] else ([value.strip() for value in found.rows[0]], True)
    ends_empty = not any(row[-1].strip() for row in found.rows)
    return ([*cells, ""] if ends_empty else ["", *cells]), False


def _verdict(option: object, first: Sequence[str], top: Sequence[Sequence[str]]) -> HeaderVerdict:
    if isinstance(option, bool):
        return HeaderVerdict(option, "as the options say")
    return has_header(first, top)


def _named(
    path: Path, names: list[str], columns: list[list[str | None]], notes: list[Finding]
) -> tuple[list[str], list[list[str | None]]]:
    """Name the column of row numbers that pandas and R write, and leave out what trailing delimiters make."""
    while len(names) > 1 and not names[-1] and not any(columns[-1]):
        notes.append(
            Finding("empty-column", "note", f"{path}:1", "the last column has no name and no values; it is left out")
        )
        names, columns = names[:-1], columns[:-1]
    if not names[0] or (names[0] == "Unnamed: 0" and _counts(columns[0])):
        notes.append(
            Finding("unnamed-column", "note", f"{path}:1", "the first column has no name; it is called column_1")
        )
        names = ["column_1", *names[1:]]
    return names, columns


def _counts(values: Sequence[str | None]) -> bool:
    """Return whether values are 0, 1, 2 and so on."""
    return all(value == str(k) for k, value in enumerate(values))
