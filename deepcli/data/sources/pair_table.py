"""Pairs of texts in two columns of a table."""

from __future__ import annotations

from dataclasses import replace

from deepcli.data.schema import Schema
from deepcli.data.sources.kinds import ending_of
from deepcli.data.sources.parallel_files import PairedTexts
from deepcli.data.sources.tables.reading_again import read_again
from deepcli.data.sources.tables.row_splits import row_splits
from deepcli.data.sources.tables.split_files import JoinedTable, other_splits, read_files, table_files
from deepcli.data.sources.tables.table_options import TableOptions, listed, quoted
from deepcli.errors import DataError

SIDES = ("input", "target")
TABBED = ("tsv", "tab", "txt")
"""Endings of tables whose columns are divided by tabs, unless the section says something else."""


def read_pair_table(
    path: str,
    options: TableOptions,
    columns: tuple[str | int | None, str | int | None],
    split: str | None,
    known: Schema | None,
) -> PairedTexts:
    """Read the pairs of a table.

    Args:
        path: The table, or the files of its splits.
        options: How it is read.
        columns: The columns of inputs and targets, by name or by number from 1; None: the first and second of two.
        split: The column that names each row's split, if there is one.
        known: The schema of the model that will read the pairs; its names of the columns are used.

    Raises:
        DataError: It cannot be read, lacks a column, or a pair lacks a side.
    """
    files = table_files(path)
    if options.delimiter == "auto" and ending_of(files[0][0].name) in TABBED:
        options = replace(options, delimiter="tab")  # sentences have commas and spaces in them
    if known is None:
        table = read_files(files, options)
        names = _names(path, table, columns)
    else:
        names = [str(known.layout.get(f"{side}_column", "")) for side in SIDES]
        table = read_again(files, options, known, names)
    sides = [_texts(table, name) for name in names]
    return PairedTexts(
        sides[0],
        sides[1],
        [table.where(row) for row in range(table.rows)],
        row_splits(table, split),
        (*other_splits(path), *table.findings),
        {**table.layout, **{f"{side}_column": name for side, name in zip(SIDES, names, strict=True)}},
    )


def _names(path: str, table: JoinedTable, columns: tuple[str | int | None, str | int | None]) -> list[str]:
    """Return the names of the columns of inputs and targets."""
    names = []
    for side, column, usual in zip(SIDES, columns, table.names, strict=False):
        if column is None and len(table.names) != 2:
            raise DataError(
                f"{path}: has {len(table.names)} columns; name both sides with data.input and data.target: {listed(table.names)}"
            )
        if isinstance(column, int):
            if column > len(table.names):
                raise DataError(f"data.{side}: {path} has no column {column}; it has {len(table.names)}")
            names.append(table.names[column - 1])
        else:
            names.append(table.names[table.position(column)] if column is not None else usual)
    if len(names) < 2:
        raise DataError(f"{path}: has one column; pairs need two, or parallel files with data.target_path")
    if names[0] == names[1]:
        raise DataError(f"data.target: is the column {quoted(names[0])}, as data.input is; a pair has two sides")
    return names


def _texts(table: JoinedTable, name: str) -> list[str]:
    texts = []
    for row, value in enumerate(table.column(name)):
        text = " ".join(value.split()) if value else ""
        if not text:
            raise DataError(f"{table.where(row)}: column {quoted(name)} is empty; a pair needs a text on both sides")
        texts.append(text)
    return texts
