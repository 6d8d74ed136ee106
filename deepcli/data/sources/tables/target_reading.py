"""Targets of the rows of a table, read as a known target says: as codes of its names, or as numbers."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from deepcli.data.schema import Target, TargetKind
from deepcli.data.sources.findings import Finding
from deepcli.data.sources.tables.label_lists import split_labels
from deepcli.data.sources.tables.missing_values import MISSING, NOT_NUMBERS
from deepcli.data.sources.tables.numerals import to_number
from deepcli.data.sources.tables.table_options import Table, listed, quoted
from deepcli.errors import DataError

POSITIVE = frozenset(["1", "1.0", "true", "yes", "y", "t"])
NEGATIVE = frozenset(["0", "0.0", "false", "no", "n", "f"])


@dataclass(frozen=True)
class ReadTarget:
    """Targets of the rows of a table.

    Attributes:
        kind: `classes`, `labels`, `numbers` or `levels`.
        columns: The columns that hold it.
        names: Names of classes, labels or levels in the order of their codes; names of the numbers.
        y: For each row that has a target: a code; for labels, the codes of those that hold; for numbers, a float for
            each column.
        rows: The positions of these rows in the table.
        reason: Why it is of this kind, and what to write to change that.
        written: As in `Target.written`.
        findings: Rows that are left out.
    """

    kind: TargetKind
    columns: tuple[str, ...]
    names: tuple[str, ...]
    y: list[Any]
    rows: list[int]
    reason: str
    written: tuple[str, ...]
    findings: list[Finding]

    @property
    def target(self) -> Target:
        """The target, with which another table is read in the same way."""
        return Target(kind=self.kind, columns=self.columns, names=self.names, reason=self.reason, written=self.written)


def is_positive(value: str) -> bool | None:
    """Return whether a label holds, in a column of its own; None for a value that says neither."""
    word = value.lower()
    return True if word in POSITIVE else False if word in NEGATIVE else None


def number_name(value: float) -> str:
    """Return the name of a class that is a number: without a point if it is whole."""
    return str(int(value)) if math.isfinite(value) and value == int(value) and abs(value) < 1e15 else repr(value)


def read_target(table: Table, target: Target, partly: bool = False) -> ReadTarget:
    """Read the targets of a table as a target says that was found before, perhaps in another table.

    Args:
        table: The table.
        target: What is predicted.
        partly: Whether the table may lack values of the target, as files of a test split may.

    Raises:
        DataError: A column does not exist, a value is not a name or a number, or all values are the same.
    """
    columns = [table.column(name) for name in target.columns]
    readers = [_reader(target, k) for k in range(len(columns))]
    y, rows, left_out = list[Any](), list[int](), list[int]()
    cells: list[dict[str | None, Any]] = [{} for _ in columns]
    for row, values in enumerate(zip(*columns, strict=True)):
        found = []
        for k, value in enumerate(values):
            if value not in cells[k]:
                cells[k][value] = _read(table, target, k, row, value, readers[k])
            found.append(cells[k][value])
        if None in found:
            left_out.append(row)
        else:
            y.append(_joined(target, found))
            rows.append(row)
    if not partly:
        _demand_variety(table, target, y)
    findings = _left_out(table, left_out)
    return ReadTarget(target.kind, target.columns, target.names, y, rows, target.reason, target.written, findings)


def read_codes(table: Table, target: Target) -> list[int]:
    """Return the code of each row's class, -1 where it is missing or has no name.

    Args:
        table: The table.
        target: The classes, in one column.
    """
    reader, known = _reader(target, 0), dict[str | None, int]({None: -1})
    for value in dict.fromkeys(table.column(target.columns[0])):
        with contextlib.suppress(KeyError, ValueError):
            known[value] = -1 if value is None or value in MISSING else reader(value)
    return [known.get(value, -1) for value in table.column(target.columns[0])]


def _reader(target: Target, column: int) -> Callable[[str], Any]:
    """Return what turns a value into a code, codes or a number; it raises ValueError or KeyError."""
    written = target.written[column] if target.written else ""
    if target.kind == "numbers":
        return lambda value: _finite(value, written)
    codes = {name: code for code, name in enumerate(target.names)}
    if target.kind == "labels":
        if len(target.columns) > 1:
            return lambda value: _flag(value)
        return lambda value: tuple(sorted(codes[label] for label in split_labels(value, written)))
    if written.startswith("number"):
        how = written.removeprefix("number").strip()
        return lambda value: codes[number_name(_finite(value, how))]
    return lambda value: codes[value]


def _read(table: Table, target: Target, k: int, row: int, value: str | None, reader: Callable[[str], Any]) -> Any:
    """Return what a value stands for; None if it is missing.

    Raises:
        DataError: It stands for nothing.
    """
    numeric = (
        target.kind == "numbers" or len(target.columns) > 1 or (target.written and target.written[0][:6] == "number")
    )
    if value is None or value in (NOT_NUMBERS if numeric else MISSING):
        return None
    try:
        return reader(value)
    except (ValueError, KeyError, OverflowError):
        place = f"{table.where(row)}: column {target.columns[k]!r}"
    if target.kind == "numbers":
        raise DataError(f"{place}: {quoted(value)} is not a number that can be predicted; leave the cell empty")
    what = {"classes": "a class", "labels": "a list of labels", "levels": "a level"}[target.kind]
    raise DataError(f"{place}: {quoted(value)} is not {what} of the training data, which has {listed(target.names)}")


def _flag(value: str) -> bool:
    holds = is_positive(value)
    if holds is None:
        raise ValueError(value)
    return holds


def _finite(value: str, written: str) -> float:
    found = to_number(value, written)
    if not math.isfinite(found):
        raise ValueError(value)
    return found


def _joined(target: Target, found: Sequence[Any]) -> Any:
    if target.kind == "numbers":
        return tuple(found)
    if target.kind == "labels" and len(target.columns) > 1:
        return tuple(code for code, holds in enumerate(found) if holds)
    return found[0]


def _demand_variety(table: Table, target: Target, y: Sequence[Any]) -> None:
    where = f"{table.path}: target {listed(target.columns)}"
    if not y:
        raise DataError(f"{where} has no values; choose another column")
    if len(target.names) < 2 and target.kind != "numbers":
        raise DataError(
            f"{where} has one value, {quoted(target.names[0])}: nothing can be learned; choose another column"
        )
    for k, name in enumerate(target.columns if target.kind == "numbers" else ()):
        if all(each[k] == y[0][k] for each in y):
            raise DataError(
                f"{where}: {quoted(name)} is {y[0][k]:g} in every row: nothing can be learned; choose another"
            )
    if all(each == y[0] for each in y):
        raise DataError(f"{where} has one value in all rows: nothing can be learned; choose another column")


def _left_out(table: Table, rows: Sequence[int]) -> list[Finding]:
    if not rows:
        return []
    count = f"{len(rows):,} row{'s have' if len(rows) > 1 else ' has'}"
    return [Finding("missing-target", "warning", table.where(rows[0]), f"{count} no target; left out")]
