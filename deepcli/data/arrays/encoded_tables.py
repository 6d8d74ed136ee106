"""Columns and targets of a table as arrays, and the statistics of training values that models need."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from deepcli.data.arrays.made_arrays import made_of
from deepcli.data.arrays.stored_rows import is_large
from deepcli.data.schema import MAX_CLASSES, Column
from deepcli.data.sources.tables.cell_numbers import HIGHEST, cell_number
from deepcli.data.sources.tables.missing_values import missing_of
from deepcli.data.sources.tables.numerals import are_plain
from deepcli.data.sources.tables.table_options import LONGEST_NAME, quoted
from deepcli.errors import DataError

ROWS = 10_000
"""Rows that are encoded at a time, if the array of all of them is too large for memory."""

Where = Callable[[int], str]
"""Returns the place of a row for an error, as `Table.where` does."""


def fitted(column: Column, values: Sequence[str | None], where: Where | None = None) -> Column:
    """Return a column with the mean, scale, categories, their frequencies and the missing values of training values.

    Categories are in the order of their code points; where there are more than a schema may hold, the most frequent
    are kept. A number that does not vary has a scale of 1.

    Raises:
        DataError: A value is not of the column's type.
    """
    missing = missing_of(column.type)
    absent = sum(value is None or value in missing for value in values)
    if column.type == "category":
        counts = Counter(value for value in values if value is not None and value not in missing)
        counts = Counter({value: count for value, count in counts.items() if len(value) <= LONGEST_NAME})
        kept = tuple(sorted(value for value, _ in counts.most_common(MAX_CLASSES)))
        frequencies = tuple(counts[value] for value in kept)
        return column.model_copy(update={"categories": kept, "frequencies": frequencies, "missing": absent})
    if column.type not in ("number", "date"):
        return column.model_copy(update={"missing": absent})
    numbers = _numbers(column, values, where or _row)
    present = numbers[~np.isnan(numbers)]
    mean, scale = (float(present.mean()), float(present.std())) if len(present) else (0.0, 1.0)
    # Rounding leaves a little scale to numbers that are all equal.
    varies = len(present) > 0 and bool(present.min() < present.max()) and scale > 0
    return column.model_copy(update={"mean": mean, "scale": scale if varies else 1.0, "missing": absent})


def encode_features(columns: Sequence[Column], values: Sequence[Sequence[str | None]], where: Where) -> np.ndarray:
    """Encode the columns of a table for a model.

    Args:
        columns: Columns of type number, category or date.
        values: The values of each of them.
        where: Returns the place of a row.

    Returns:
        float32 (n, columns): a number, NaN if it is missing; a category's code from 1, or 0 if it is missing or unknown;
        the days since 1970 of a date, NaN if it is missing. An array too large for memory is in a file.

    Raises:
        DataError: A value is not of its column's type, or a number is too large.
    """
    rows = len(values[0]) if values else 0
    step = ROWS if is_large(rows * len(columns) * np.dtype(np.float32).itemsize) else max(rows, 1)
    pieces = (_encoded(columns, values, where, start, start + step) for start in range(0, rows, step))
    return made_of(pieces, (rows, len(columns)), np.float32)


def _encoded(
    columns: Sequence[Column], values: Sequence[Sequence[str | None]], where: Where, start: int, stop: int
) -> np.ndarray:
    """Encode some rows, float32 (rows, columns)."""
    found = np.empty((len(values[0][start:stop]), len(columns)), np.float32)
    for k, (column, whole) in enumerate(zip(columns, values, strict=True)):
        each = whole[start:stop]
        if column.type == "category":
            found[:, k] = _codes(column, each)
        else:
            found[:, k] = _numbers(column, each, lambda row: where(start + row))
    return found


def _codes(column: Column, values: Sequence[str | None]) -> np.ndarray:
    codes: dict[str | None, int] = {name: code for code, name in enumerate(column.categories, 1)}
    return np.fromiter((codes.get(value, 0) for value in values), np.float32, len(values))


def _numbers(column: Column, values: Sequence[str | None], where: Where) -> np.ndarray:
    """Return float64 numbers or days, NaN for what is missing."""
    if column.type not in ("number", "date"):
        raise DataError(f"column {quoted(column.name)} is of type {column.type}, which is not encoded as a number")
    quick = _plain_numbers(column, values)
    if quick is not None:
        return quick
    known: dict[str | None, float] = {}
    numbers = np.empty(len(values))
    for row, value in enumerate(values):
        number = known.get(value)
        if number is None:
            number = known[value] = _read(column, value, row, where)
        numbers[row] = number
    return numbers


def _plain_numbers(column: Column, values: Sequence[str | None]) -> np.ndarray | None:
    """Return plain numbers, many at a time; None if one of them needs a closer look."""
    if column.type != "number" or column.written:
        return None
    missing = missing_of("number")
    plain = ["nan" if value is None or value in missing else value for value in values]
    if not are_plain(plain):
        return None
    numbers = np.array(list(map(float, plain)))
    return None if bool((np.abs(numbers) > HIGHEST).any()) else numbers


def _read(column: Column, value: str | None, row: int, where: Where) -> float:
    try:
        return cell_number(value, column.type, column.written)
    except ValueError as error:
        raise DataError(f"{where(row)}: column {column.name!r}: {error}") from None


def _row(row: int) -> str:
    return f"row {row + 1}"
