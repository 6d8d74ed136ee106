"""Reads Parquet files, through pyarrow."""

from __future__ import annotations

from pathlib import Path

from deepcli.data.sources.tables.json_table import plain_text
from deepcli.data.sources.tables.table_options import Table, check_names, quoted
from deepcli.errors import DataError
from deepcli.system import extras


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
        values = [found.column(k).to_pylist() for k in range(len(names))]
    except Exception as error:  # pyarrow has errors of its own for each kind of damage
        raise DataError(f"{path}: cannot be read as Parquet: {error}") from None
    check_names(path, names)
    if not values or not values[0]:
        raise DataError(f"{path}: has no rows")
    for name, column in zip(names, values, strict=True):
        first = next((value for value in column if value is not None), None)
        if isinstance(first, dict) and "bytes" in first:
            what = "holds an object with the bytes of a picture; read pictures with data.type=shards"
            raise DataError(f"{path}:1: column {quoted(name)}: {what}")
    columns = tuple(
        [plain_text(value, f"{path}:{row}: column {quoted(name)}") for row, value in enumerate(column, 1)]
        for name, column in zip(names, values, strict=True)
    )
    return Table(path, names, columns, list(range(1, len(values[0]) + 1)), {"format": "parquet", "packed": ""}, [])
