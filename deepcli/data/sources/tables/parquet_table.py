"""Reads Parquet files, through pyarrow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deepcli.data.sources.tables.json_table import plain_text
from deepcli.data.sources.tables.table_options import Table, check_names, quoted
from deepcli.errors import DataError
from deepcli.system import extras

if TYPE_CHECKING:
    import pyarrow


def read_parquet(path: Path) -> Table:
    """Read all columns of a Parquet file as text; a null is None, and a line is the number of a row.

    Raises:
        UsageError: pyarrow is not installed.
        DataError: The file is damaged, or holds nested values or no rows.
    """
    extras.demand(f"{path}:", ("pyarrow",), "tables")
    import pyarrow.parquet

    try:
        found = pyarrow.parquet.read_table(path)
        names = tuple(str(name).strip() for name in found.column_names)
    except Exception as error:  # pyarrow has errors of its own for each kind of damage
        raise DataError(f"{path}: cannot be read as Parquet: {error}") from None
    check_names(path, names)
    if not names:
        raise DataError(f"{path}: has no rows")
    columns, problem = list[list[str | None]](), None
    # One column at a time, so that no more than one is in memory both as values and as text.
    for k, name in enumerate(names):
        values = _values(path, name, found.column(k))
        try:
            columns.append(
                [plain_text(value, f"{path}:{row}: column {quoted(name)}") for row, value in enumerate(values, 1)]
            )
        except DataError as error:
            problem = problem or error  # a picture in a later column says more
    if problem:
        raise problem
    return Table(
        path, names, tuple(columns), list(range(1, len(columns[0]) + 1)), {"format": "parquet", "packed": ""}, []
    )


def _values(path: Path, name: str, column: pyarrow.ChunkedArray) -> list[object]:
    """Return the values of a column.

    Raises:
        DataError: They cannot be read, there are none, or they are pictures.
    """
    try:
        values: list[object] = column.to_pylist()
    except Exception as error:
        raise DataError(f"{path}: cannot be read as Parquet: {error}") from None
    if not values:
        raise DataError(f"{path}: has no rows")
    first = next((value for value in values if value is not None), None)
    if isinstance(first, dict) and "bytes" in first:
        what = "holds an object with the bytes of a picture; read pictures with data.type=shards"
        raise DataError(f"{path}:1: column {quoted(name)}: {what}")
    return values
