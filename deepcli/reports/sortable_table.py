"""Tables whose rows a reader can sort: each cell knows the value that it is sorted by, apart from its text."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from deepcli.reports.line_styles import LineStyle
from deepcli.reports.markup import decimal, significant
from deepcli.spec.durations import in_words
from deepcli.spec.trees import Value

LARGE = 100
"""Figures of this size are in a unit of the data, and are written with four digits in all."""


@dataclass(frozen=True)
class SortableCell:
    """A cell.

    Attributes:
        text: What it shows.
        value: What it is sorted by; None if there is nothing, which comes last.
        address: Where the text links to.
        style: The style of the curves of what the row is about.
        is_best: Whether it is marked as the best.
        note: A remark in small letters.
    """

    text: str = ""
    value: str | float | None = None
    address: str | None = None
    style: LineStyle | None = None
    is_best: bool = False
    note: str = ""


@dataclass(frozen=True)
class SortableColumn:
    """A column.

    Attributes:
        name: Its name, such as `val_accuracy` or a dotted key.
        cells: Its cells, from the first row to the last.
        number: Whether its cells are numbers.
        better: `max` or `min` for a figure of which more or less is better; empty for others.
        sorted: Whether the rows are in its order.
        wraps: Whether its cells may have several lines.
        meaning: What its figures mean, shown on hover and below the table; empty for a name that says it.
    """

    name: str
    cells: tuple[SortableCell, ...]
    number: bool = False
    better: str = ""
    sorted: bool = False
    wraps: bool = False
    meaning: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether no cell says anything."""
        return not any(cell.text for cell in self.cells)

    @property
    def parts(self) -> tuple[str, str]:
        """The name in two parts: the section with its dot, and the rest."""
        section, dot, leaf = self.name.rpartition(".")
        return section + dot, leaf

    @property
    def direction(self) -> str:
        """The direction in which its good end comes first."""
        return "descending" if self.better == "max" else "ascending"


@dataclass(frozen=True)
class SortableTable:
    """A table.

    Attributes:
        columns: Its columns; the first one names the rows.
    """

    columns: tuple[SortableColumn, ...]

    @classmethod
    def of(cls, columns: Sequence[SortableColumn]) -> SortableTable:
        """Return a table without the columns that are empty."""
        return cls(tuple(column for column in columns if not column.is_empty))

    @property
    def meanings(self) -> dict[str, str]:
        """What its figures mean, by name without the split."""
        found = {column.name.removeprefix("val_").removeprefix("test_"): column.meaning for column in self.columns}
        return {name: text for name, text in found.items() if text}

    @property
    def rows(self) -> list[list[tuple[SortableColumn, SortableCell]]]:
        """The rows: the cells of each with their columns."""
        count = len(self.columns[0].cells) if self.columns else 0
        return [[(column, column.cells[place]) for column in self.columns] for place in range(count)]


def figures_column(
    name: str, values: Sequence[float | None], better: str = "", *, sorted: bool = False, meaning: str = ""
) -> SortableColumn:
    """Return a column of figures."""
    shown = figure_format(values)
    cells = [SortableCell(shown(value), _number(value)) for value in values]
    return SortableColumn(name, tuple(cells), True, better, sorted, meaning=meaning)


def figure_format(values: Sequence[float | None]) -> Callable[[float | None], str]:
    """Return what writes the figures of a column."""
    return significant if any(value is not None and abs(value) >= LARGE for value in values) else decimal


def values_column(name: str, specs: Sequence[Mapping[str, Value]]) -> SortableColumn:
    """Return a column of the values of a key in specs, some of which may not have it: numbers, if all are numbers."""
    values = [spec.get(name) for spec in specs]
    known = [value for value in values if value is not None]
    number = bool(known) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in known)
    return SortableColumn(name, tuple(_value_cell(name, spec) for spec in specs), number, wraps=not number)


def seconds_column(name: str, values: Sequence[float | None]) -> SortableColumn:
    """Return a column of times."""
    cells = [SortableCell() if value is None else SortableCell(in_words(value), value) for value in values]
    return SortableColumn(name, tuple(cells), True)


def dates_column(name: str, values: Sequence[datetime | None]) -> SortableColumn:
    """Return a column of points in time, in UTC."""
    cells = [
        SortableCell() if value is None else SortableCell(f"{value:%Y-%m-%d %H:%M}", value.isoformat())
        for value in values
    ]
    return SortableColumn(name, tuple(cells))


def value_text(value: Value) -> str:
    """Write a value of a spec."""
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _value_cell(name: str, spec: Mapping[str, Value]) -> SortableCell:
    value = spec.get(name)
    if value is None:
        return SortableCell("null" if name in spec else "")
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return SortableCell(value_text(value), float(value) if number else value_text(value))


def _number(value: float | None) -> float | None:
    return value if value is not None and value == value else None
