"""The columns of a table that a model reads: numbers and categories together, or one column of texts or pictures."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from deepcli.data.schema import Column, Kind
from deepcli.data.sources.findings import Finding
from deepcli.data.sources.tables.table_options import Table, listed, quoted
from deepcli.errors import DataError

KINDS: dict[str, Kind] = {"text": "tokens", "image": "image"}
"""What a column of each type is for a model; columns of other types are features."""


@dataclass(frozen=True)
class InputColumns:
    """The columns that are inputs.

    Attributes:
        kind: What a model reads.
        columns: One column of texts or pictures, or all numbers, categories and dates.
        findings: Columns that are left out, and why.
    """

    kind: Kind
    columns: tuple[Column, ...]
    findings: tuple[Finding, ...]


def input_columns(
    table: Table, columns: Sequence[Column], named: Sequence[str] | None, taken: Collection[str]
) -> InputColumns:
    """Choose the inputs of a table.

    Args:
        table: The table.
        columns: All its columns.
        named: The columns that the user names; None chooses.
        taken: Columns with another use: the target, and what divides the rows.

    Raises:
        DataError: A named column does not exist or is the target, kinds are mixed, or no column is left.
    """
    by_name = {column.name: column for column in columns}
    if named is not None:
        for name in named:
            table.position(name)
            if name in taken:
                raise DataError(
                    f"{table.path}: {quoted(name)} is the target or divides the rows, so it cannot be an input"
                )
        chosen = [by_name[name] for name in named]
        kinds = {KINDS.get(column.type, "features") for column in chosen}
        if len(kinds) > 1 or (kinds != {"features"} and len(chosen) > 1):
            told = ", ".join(f"{column.name} ({column.type})" for column in chosen)
            raise DataError(
                f"{table.path}: inputs are numbers and categories, or one text, or one column of pictures, not {told}"
            )
        return InputColumns(kinds.pop(), tuple(chosen), ())
    return _found(table, [column for column in columns if column.name not in taken])


def _found(table: Table, columns: Sequence[Column]) -> InputColumns:
    rest = [column for column in columns if not column.identifier and _varies(table, column)]
    features = [column for column in rest if column.type not in KINDS]
    others = [column for column in rest if column.type in KINDS]
    if not features and len(others) > 1:
        raise DataError(
            f"{table.path}: several columns may be the input: {listed([c.name for c in others])}; choose with input: NAME"
        )
    chosen = features or others
    if not chosen:
        raise DataError(
            f"{table.path}: no column is left to predict from, but {listed([c.name for c in columns])}; name them with input"
        )
    kept = {column.name for column in chosen}
    return InputColumns(
        KINDS.get(chosen[0].type, "features"),
        tuple(chosen),
        tuple(_left_out(table, column) for column in columns if column.name not in kept),
    )


def _varies(table: Table, column: Column) -> bool:
    return len(set(table.column(column.name))) > 1


def _left_out(table: Table, column: Column) -> Finding:
    code, why = ("identifier", "it only names its row") if column.identifier else ("constant", "it has one value")
    if column.type in KINDS and not column.identifier and _varies(table, column):
        kind = "texts" if column.type == "text" else "pictures"
        code, why = "left-out", f"a column of {kind} is not mixed with numbers and categories"
    return Finding(code, "note", f"{table.path}: column {quoted(column.name)}", f"is not an input: {why}")
