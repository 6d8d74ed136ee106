"""What divides the rows of a table: a column that names splits, groups that stay together, or the time."""

from __future__ import annotations

from pathlib import Path

from deepcli.data.sources.picture_folders import Picture
from deepcli.data.sources.tables.calendar_dates import find_date_format, to_days
from deepcli.data.sources.tables.missing_values import MISSING
from deepcli.data.sources.tables.numerals import are_plain
from deepcli.data.sources.tables.split_files import SPLIT_WORDS, JoinedTable
from deepcli.data.sources.tables.table_options import quoted
from deepcli.errors import DataError


def row_splits(table: JoinedTable, column: str | None) -> list[str | None]:
    """Return the split that each row's file or a column says; empty if neither does.

    Raises:
        DataError: A value of the column names no split.
    """
    if column is None:
        return table.splits
    splits = list[str | None]()
    for row, value in enumerate(table.column(column)):
        split = SPLIT_WORDS.get((value or "").strip().lower())
        if split is None:
            raise DataError(
                f"{table.where(row)}: column {quoted(column)}: {quoted(value)} is not a split; write train, validation or test"
            )
        splits.append(split)
    return splits


def row_groups(table: JoinedTable, column: str | None) -> list[str] | None:
    """Return the group of each row; a row without a value is a group of its own."""
    if column is None:
        return None
    values = table.column(column)
    return [f"row {row}" if value is None or value in MISSING else f"group {value}" for row, value in enumerate(values)]


def row_times(table: JoinedTable, column: str | None) -> list[float] | None:
    """Return the time of each row, as a number or as days since 1970.

    Raises:
        DataError: A value is neither a number nor a date, or is missing.
    """
    if column is None:
        return None
    values = table.column(column)
    for row, value in enumerate(values):
        if value is None or value in MISSING:
            raise DataError(
                f"{table.where(row)}: column {quoted(column)} has no time; leave the row out, or fill it in"
            )
    texts = [value or "" for value in values]
    if are_plain(texts):
        return list(map(float, texts))
    written = find_date_format(texts).written
    if not written:
        raise DataError(f"{table.path}: column {quoted(column)} holds neither numbers nor dates of one form")
    return [to_days(text, written) for text in texts]


def named_picture(folder: Path, name: str, where: str) -> Picture:
    """Return a picture that a table names.

    Raises:
        DataError: The file does not exist, or is outside the table's folder.
    """
    place = folder / name
    try:
        facts = place.stat()
        inside = place.resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError):
        raise DataError(f"{where}: {quoted(name)}: no such picture; paths are relative to the table's folder") from None
    if not inside:
        raise DataError(
            f"{where}: {quoted(name)} is outside the table's folder; copy or move the pictures beside the table"
        )
    return Picture(name, "", None, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)
