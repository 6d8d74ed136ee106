"""How a table is read, and a table that was read: columns of text as written, with the line of every row."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from deepcli.data.schema import MAX_COLUMNS
from deepcli.data.sources.findings import Finding
from deepcli.errors import DataError

LONGEST_NAME = 10_000
SHOWN = 40
"""Characters of a value that messages show."""


@dataclass(frozen=True)
class TableOptions:
    """How a table is read; `auto` is found by looking.

    Attributes:
        encoding: A name that Python knows, with `:replace` behind it if damaged characters are replaced by U+FFFD.
        delimiter: One character, or `tab`, `comma`, `semicolon`, `pipe` or `space` (any number of spaces and tabs).
        header: Whether the first row holds the names of the columns.
        quoting: `minimal` if quotes enclose values, `escaped` if those inside of them follow a backslash, `none` if
            quotes are part of values.
        sheet: Name or number, from 1, of a workbook's sheet; None for the first.
    """

    encoding: str = "auto"
    delimiter: str = "auto"
    header: bool | Literal["auto"] = "auto"
    quoting: Literal["auto", "minimal", "escaped", "none"] = "auto"
    sheet: str | int | None = None

    @classmethod
    def of_layout(cls, layout: Mapping[str, Any]) -> TableOptions:
        """Return the options with which a table of this layout is read again without looking."""
        fields = {each.name for each in dataclasses.fields(cls)}
        return cls(**{name: value for name, value in layout.items() if name in fields})


@dataclass(frozen=True)
class Table:
    """A table that was read.

    Attributes:
        path: The file.
        names: Names of the columns; `column_1` and so on where the file has none.
        columns: Values of each column as written, without spaces around; None where the format has a null.
        lines: Line of each row in the file, from 1; its number where a format has no lines.
        layout: All options as found, `format`, and `packed` for what the file is compressed with.
        findings: What was found worth telling while reading.
        counted: Facts about columns by position, once they were counted.
    """

    path: Path
    names: tuple[str, ...]
    columns: tuple[list[str | None], ...]
    lines: list[int]
    layout: dict[str, Any]
    findings: list[Finding]
    counted: dict[int, object] = field(default_factory=dict, compare=False, repr=False)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.lines)

    def where(self, row: int) -> str:
        """Return the file and line of a row."""
        return f"{self.path}:{self.lines[row]}"

    def position(self, name: str) -> int:
        """Return the position of a column.

        Raises:
            DataError: The column does not exist.
        """
        if name in self.names:
            return self.names.index(name)
        near = difflib.get_close_matches(name, self.names, 1)
        meant = f"; did you mean {quoted(near[0])}?" if near else ""
        raise DataError(f"{self.path}: no column {quoted(name)}{meant}; its columns are {listed(self.names)}")

    def column(self, name: str) -> list[str | None]:
        """Return the values of a column.

        Raises:
            DataError: The column does not exist.
        """
        return self.columns[self.position(name)]


def quoted(value: str | None) -> str:
    """Quote a value for a message, briefly."""
    text = "" if value is None else value
    return repr(text if len(text) <= SHOWN else text[: SHOWN - 3] + "...")


def listed(names: Sequence[str], most: int = 12) -> str:
    """Return names for a message, the first of them if there are many."""
    rest = len(names) - most
    return ", ".join(map(quoted, names[:most])) + (f" and {rest:,} more" if rest > 0 else "")


def check_names(path: Path, names: Sequence[str]) -> None:
    """Check that the names of columns are names, and all different.

    Raises:
        DataError: A name is missing, too long or there twice, or there are too many columns.
    """
    if len(names) > MAX_COLUMNS:
        raise DataError(
            f"{path}: has {len(names):,} columns; at most {MAX_COLUMNS:,} are read. If each line is one long vector, "
            "save the data as an array (.npz or .h5)"
        )
    nameless = [str(k) for k, name in enumerate(names, 1) if not name]
    if nameless:
        raise DataError(
            f"{path}: column {', '.join(nameless[:5])} has no name; name it in the first row, or write header: false if "
            "that row is data"
        )
    seen: set[str] = set()
    for name in names:
        if len(name) > LONGEST_NAME:
            raise DataError(
                f"{path}: a column's name has {len(name):,} characters; is the first row data (header: false)?"
            )
        if name in seen:
            raise DataError(
                f"{path}: column named twice: {quoted(name)}; rename one, or write header: false if the first row is data"
            )
        seen.add(name)
