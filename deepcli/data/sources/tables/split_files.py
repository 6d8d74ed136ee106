"""Tables whose splits are files of their own: `sst2_train.tsv`, `sst2_dev.tsv` and `sst2_test.tsv` are one table."""

from __future__ import annotations

import dataclasses
import glob
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deepcli.data.sources.findings import Finding
from deepcli.data.sources.kinds import TABLES, ending_of
from deepcli.data.sources.shards.shard_files import demand_all
from deepcli.data.sources.tables.saved_dataset import is_saved_dataset, saved_splits
from deepcli.data.sources.tables.table_options import Table, TableOptions, listed
from deepcli.data.sources.tables.table_reading import read_table
from deepcli.errors import DataError

SPLIT_WORDS = {
    "train": "train", "training": "train", "val": "validation", "valid": "validation", "validation": "validation",
    "dev": "validation", "test": "test", "testing": "test",
}  # fmt: skip
ORDER = ("train", "validation", "test")


@dataclass(frozen=True)
class JoinedTable(Table):
    """The rows of several files, one after another.

    Attributes:
        origins: The file of each row.
        splits: The split that each row's file is for; empty for a single file.
    """

    origins: list[Path] = field(default_factory=list)
    splits: list[str | None] = field(default_factory=list)

    def where(self, row: int) -> str:
        return f"{self.origins[row]}:{self.lines[row]}"


def table_files(path: str) -> list[tuple[Path, str | None]]:
    """Return the files of a table, each with its split: one file, a pattern such as `sst2_*.tsv`, or a folder.

    A folder that Hugging Face's `datasets` saved stands for a file; one of several splits, for a file each, without those
    that are not for training, validation or testing.

    Raises:
        DataError: A file does not exist, or names do not say which split each file is.
    """
    whole = Path(path).expanduser()
    if is_saved_dataset(whole):
        parts = saved_splits(whole)
        return (
            [(whole, None)]
            if parts == [whole]
            else named_splits(path, [part for part in parts if _words(part)] or parts)
        )
    if whole.is_dir():
        found = sorted(entry for entry in whole.iterdir() if entry.is_file() and ending_of(entry.name) in TABLES)
        found = [entry for entry in found if not entry.name.startswith(".")]
    elif not os.path.lexists(whole) and glob.has_magic(path):
        found = sorted(map(Path, glob.glob(os.path.expanduser(path))))  # noqa: PTH111, PTH207 - the pattern may be absolute
    else:
        return [(whole, None)]
    if not found:
        raise DataError(f"{path}: no table there; give a file such as data.csv, or files named after their splits")
    if len(found) == 1:
        return [(found[0], None)]
    return named_splits(path, found)


def other_splits(path: str) -> list[Finding]:
    """Return a finding for the splits of a saved data set that `table_files` leaves out, such as `unsupervised`."""
    whole = Path(path).expanduser()
    if not is_saved_dataset(whole):
        return []
    names = [part.name for part in saved_splits(whole) if part != whole and not _words(part)]
    text = f"left out the splits {listed(names)}, which are neither train, validation nor test"
    return [Finding("no-split", "warning", str(whole), text)] if names else []


def _words(file: Path) -> list[str]:
    """Return the splits that a file's name speaks of."""
    return [SPLIT_WORDS[word] for word in re.split(r"[^a-z]+", file.name.lower()) if word in SPLIT_WORDS]


def named_splits(path: str, found: Sequence[Path]) -> list[tuple[Path, str | None]]:
    """Return several files with the splits that their names say; Parquet files may be the parts of a table or of its splits.

    Raises:
        DataError: A name says no split, or two say the same.
    """
    if (parts := _parquet_parts(path, found)) is not None:
        return parts
    splits: dict[str, Path] = {}
    for file in found:
        words = _words(file)
        if len(words) != 1 or words[0] in splits:
            raise DataError(
                f"{path}: {len(found)} files ({listed([one.name for one in found])}); name one of them, or let the name of "
                "each say train, validation or test once"
            )
        splits[words[0]] = file
    if "train" not in splits:
        raise DataError(f"{path}: none of the files is named train ({listed([one.name for one in found])})")
    return [(splits[name], name) for name in ORDER if name in splits]


def _parquet_parts(path: str, found: Sequence[Path]) -> list[tuple[Path, str | None]] | None:
    """Return Parquet files that are parts of one table, or of each of its splits; None if they are not.

    Raises:
        DataError: Of parts that are numbered, one is missing.
    """
    if any(ending_of(file.name) != "parquet" for file in found):
        return None
    demand_all(path, found)
    words = {file: _words(file) for file in found}
    said = [each[-1] for each in words.values() if each]
    if said and (len(said) < len(found) or len(set(said)) == len(said) or "train" not in said):
        return None
    if not said:
        return [(file, None) for file in found]
    return sorted(((file, each[-1]) for file, each in words.items()), key=lambda part: ORDER.index(part[1]))


def read_files(files: Sequence[tuple[Path, str | None]], options: TableOptions) -> JoinedTable:
    """Read the files of a table; all are read as the first one was found to be.

    Raises:
        DataError: A file cannot be read, or has other columns than the first.
    """
    first = read_table(files[0][0], options)
    tables = [first, *(read_table(path, TableOptions.of_layout(first.layout)) for path, _ in files[1:])]
    for table in tables[1:]:
        if set(table.names) != set(first.names):
            odd = sorted(set(table.names) ^ set(first.names))
            raise DataError(
                f"{table.path}: has other columns than {first.path}: {listed(odd)}; the files of one table agree"
            )
    splits, origins = list[str | None](), list[Path]()
    for table, (path, split) in zip(tables, files, strict=True):
        origins += [path] * table.rows
        splits += [split] * table.rows
    return JoinedTable(
        first.path,
        first.names,
        tuple([value for table in tables for value in table.column(name)] for name in first.names),
        [line for table in tables for line in table.lines],
        first.layout,
        [finding for table in tables for finding in table.findings],
        origins=origins,
        splits=splits if any(splits) else [],
    )


def only_rows(table: JoinedTable, rows: Sequence[int]) -> JoinedTable:
    """Return a table with some of its rows, which keep their places in messages."""
    if len(rows) == table.rows:
        return table
    return dataclasses.replace(
        table,
        columns=tuple([column[row] for row in rows] for column in table.columns),
        lines=[table.lines[row] for row in rows],
        origins=[table.origins[row] for row in rows],
        splits=[table.splits[row] for row in rows] if table.splits else [],
        counted={},
    )
