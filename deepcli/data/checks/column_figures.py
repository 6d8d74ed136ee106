"""Figures of the columns of a table: type, part, missing and different values, range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from deepcli.data.checks.view import DataView
from deepcli.data.schema import Column
from deepcli.data.sources.tables.calendar_dates import to_days
from deepcli.data.sources.tables.column_facts import ColumnFacts
from deepcli.data.sources.tables.missing_values import missing_of
from deepcli.data.sources.tables.numerals import to_numbers

if TYPE_CHECKING:
    import numpy as np

FREQUENT = 3
Part = Literal["input", "target", "division", "left out"]


@dataclass(frozen=True)
class ColumnFigures:
    """A column of a table.

    Attributes:
        name: Its name.
        type: Its type.
        part: `input`, `target`, `division` if rows are divided by it, or `left out`.
        reason: Why it has this type.
        missing: Rows without a value.
        different: Number of different values.
        low: The smallest number or the earliest date, as written; None for other types.
        high: The largest number or the latest date.
        frequent: The most frequent values, each with its number of rows; empty for numbers, dates and texts.
    """

    name: str
    type: str
    part: Part
    reason: str
    missing: int
    different: int
    low: str | None = None
    high: str | None = None
    frequent: tuple[tuple[str, int], ...] = ()


def column_figures(view: DataView) -> tuple[ColumnFigures, ...]:
    """Describe the columns of a table, or of an array of numbers; empty for other data."""
    if view.table is None:
        return () if view.rows is None else _of_array(view, view.rows)
    inputs = {column.name for column in view.table.chosen.columns}
    dividing = {view.time} if view.time else set()
    found = []
    for column in view.table.columns:
        part: Part = "left out"
        if column.name in view.target.columns:
            part = "target"
        elif column.name in inputs:
            part = "input"
        elif column.name in dividing:
            part = "division"
        facts = ColumnFacts.of(view.table.table, view.table.table.position(column.name))
        found.append(_of_column(facts, column, part))
    return tuple(found)


def _of_column(facts: ColumnFacts, column: Column, part: Part) -> ColumnFigures:
    numeric = column.type in ("number", "date")
    values = facts.figures if numeric else facts.words
    missing = facts.table.rows - facts.present(numeric)
    low = high = None
    frequent: tuple[tuple[str, int], ...] = ()
    if numeric and values:
        numbers = _numbers(column, values)
        low, high = (values[numbers.index(edge)] for edge in (min(numbers), max(numbers)))
    elif column.type == "category":
        absent = missing_of(column.type)
        common = facts.counts.most_common(FREQUENT + len(absent))
        frequent = tuple((value, count) for value, count in common if value is not None and value not in absent)
    return ColumnFigures(
        column.name, column.type, part, column.reason, missing, len(values), low, high, frequent[:FREQUENT]
    )


def _numbers(column: Column, values: Sequence[str]) -> list[float]:
    if column.type == "date":
        return [to_days(value, column.written or "iso") for value in values]
    return to_numbers(values, column.written)


def _of_array(view: DataView, rows: np.ndarray) -> tuple[ColumnFigures, ...]:
    import numpy as np

    columns = view.schema.columns if view.schema else ()
    found = []
    for k in range(rows.shape[1]):
        present = rows[:, k][~np.isnan(rows[:, k])]
        low, high = (f"{present.min():g}", f"{present.max():g}") if len(present) else (None, None)
        name = columns[k].name if k < len(columns) else f"x{k}"
        different = len(np.unique(present))
        found.append(ColumnFigures(name, "number", "input", "", len(rows) - len(present), different, low, high))
    return tuple(found)
