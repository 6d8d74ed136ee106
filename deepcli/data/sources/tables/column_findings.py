"""What is worth telling about the columns of a table: identifiers, constants, infinity, mixed types."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

from deepcli.data.schema import Column
from deepcli.data.sources.findings import Finding
from deepcli.data.sources.tables.column_facts import ColumnFacts
from deepcli.data.sources.tables.column_types import MIN_ROWS, mostly_numbers
from deepcli.data.sources.tables.missing_values import NOT_NUMBERS
from deepcli.data.sources.tables.numerals import to_numbers
from deepcli.data.sources.tables.table_options import Table, quoted

POINT_THREE = re.compile(r"[+-]?[1-9]\d{0,2}\.\d{3}")
SPARSE = 0.3
"""Share of different categories above which most have too few rows to learn from."""


def column_findings(table: Table, columns: Sequence[Column]) -> list[Finding]:
    """Return what is worth telling about columns, in their order.

    Codes: `empty-column`, `constant`, `identifier`, `infinite`, `mixed-column`, `sparse-category`, `none-value`.
    """
    return [
        Finding(code, severity, place, text)  # type: ignore[arg-type]
        for column in columns
        for code, severity, place, text in _of(ColumnFacts.of(table, table.position(column.name)), column)
    ]


def infinite_value(facts: ColumnFacts, written: str) -> str | None:
    """Return the first infinite value of a column of numbers, also one that is too large; None if there is none."""
    numbers = to_numbers(facts.figures, written)
    return next((value for value, number in zip(facts.figures, numbers, strict=True) if math.isinf(number)), None)


def _may_be_thousands(facts: ColumnFacts, column: Column, values: Sequence[str]) -> bool:
    """Return whether all points may be between thousands, in a file of a country where commas are in numbers."""
    is_foreign = facts.table.layout.get("delimiter") == ";" and not column.written and len(values) >= MIN_ROWS
    return is_foreign and all(map(POINT_THREE.fullmatch, values))


def _of(facts: ColumnFacts, column: Column) -> Iterator[tuple[str, str, str, str]]:
    place, name = f"{facts.table.path}: column {column.name!r}", quoted(column.name)
    numeric = column.type in ("number", "date")
    values = facts.figures if numeric else facts.words
    if not values:
        yield "empty-column", "warning", place, f"column {name} has no values"
        return
    if len(values) == 1 and facts.present(numeric) == facts.table.rows > 1:
        yield "constant", "warning", place, f"column {name} is {quoted(values[0])} in every row: it says nothing"
    if column.identifier:
        text = f"column {name} has another value in every row, such as {quoted(values[0])}: it only names the row"
        yield "identifier", "warning", place, text
    elif column.type == "category" and len(values) > SPARSE * facts.present() and facts.present() >= 2 * MIN_ROWS:
        text = f"column {name} has {len(values):,} categories in {facts.present():,} rows, few rows for each"
        yield "sparse-category", "warning", place, text
    if column.type == "number" and _may_be_thousands(facts, column, values):
        text = (
            f"column {name}: values such as {quoted(values[0])} are read with a decimal point; if they are thousands, "
        )
        yield "ambiguous-number", "warning", place, text + "remove the points"
    infinite = infinite_value(facts, column.written) if column.type == "number" else None
    if infinite is not None:
        text = f"column {name}: {quoted(infinite)} is not a number that can be used; leave the cell empty"
        yield "infinite", "error", facts.line_of(infinite), text
    odd = mostly_numbers(facts) if column.type in ("category", "text") else None
    if odd is not None:
        text = f"column {name} holds numbers but for {quoted(odd)}: repair it to have numbers"
        yield "mixed-column", "warning", facts.line_of(odd), text
    words = [value for value in values if value in NOT_NUMBERS] if column.type == "category" else []
    for word in words:
        text = f"column {name}: {quoted(word)} counts as a category ({facts.counts[word]:,} rows), not as missing"
        yield "none-value", "note", facts.line_of(word), text
