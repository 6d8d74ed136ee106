"""Reads other tables for a model that was trained on one: as that one was read, or as they are found to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from deepcli.data.schema import Schema
from deepcli.data.sources.tables.split_files import JoinedTable, read_files
from deepcli.data.sources.tables.table_options import TableOptions
from deepcli.errors import DataError


def read_again(
    files: Sequence[tuple[Path, str | None]], told: TableOptions, schema: Schema, names: Sequence[str]
) -> JoinedTable:
    """Read the files of a table for a model.

    Delimiter, header, quoting and sheet are those of the table that the model was trained on, unless its columns are only
    found without them. The encoding is found anew, because programs that write the same table differ in it.

    Args:
        files: The files, each with its split.
        told: What the data section says about reading; it has precedence.
        schema: What the model was trained on.
        names: The columns that are needed.

    Raises:
        DataError: A file cannot be read, or lacks a column.
    """
    as_trained = asdict(TableOptions.of_layout({**schema.layout, "encoding": "auto"}))
    said = {name: value for name, value in asdict(told).items() if value not in ("auto", None)}
    try:
        table = read_files(files, TableOptions(**{**as_trained, **said}))
        if set(names) <= set(table.names):
            return table
    except DataError:
        pass
    table = read_files(files, told)
    for name in names:
        table.position(name)
    return table
