"""Reads a table from a file of any format."""

from __future__ import annotations

from pathlib import Path

from deepcli.data.sources.kinds import ending_of
from deepcli.data.sources.tables.delimited import read_delimited
from deepcli.data.sources.tables.json_table import read_json
from deepcli.data.sources.tables.parquet_table import read_parquet
from deepcli.data.sources.tables.saved_dataset import is_saved_dataset, read_saved_dataset
from deepcli.data.sources.tables.table_bytes import content_of, unpacked
from deepcli.data.sources.tables.table_options import Table, TableOptions
from deepcli.data.sources.tables.workbook import read_workbook
from deepcli.errors import DataError

MARKS = b"\xef\xbb\xbf \t\r\n"


def read_table(path: Path, options: TableOptions | None = None) -> Table:
    """Read a table: delimited text, JSON, JSON lines, Parquet or an Excel workbook; text also compressed.

    The format is found by content, and by the ending of the name where contents do not differ.

    Args:
        path: The file; or a folder that `save_to_disk` of Hugging Face's `datasets` wrote for one split.
        options: How it is read; by default, all of it is found by looking.

    Raises:
        DataError: It is missing, damaged, or not a table.
        UsageError: A package for the format is not installed.
    """
    if is_saved_dataset(path):
        return read_saved_dataset(path)
    options, ending = options or TableOptions(), ending_of(path.name)
    content = content_of(path)
    if content == "xlsx":
        return read_workbook(path, options)
    if content == "parquet":
        return read_parquet(path)
    if not content and ending in ("xlsx", "parquet"):
        raise DataError(f"{path}: does not hold what its ending .{ending} says; rename it, or fetch it again")
    if _is_json(path, content, ending):
        return read_json(path, content, options, ending)
    return read_delimited(path, content, options, ending)


def _is_json(path: Path, packed: str, ending: str) -> bool:
    """Return whether a text is JSON: its ending or its first character says so; an ending may lie."""
    with unpacked(path, packed) as stream:
        head = stream.read(4096).lstrip(MARKS)
    if ending in ("json", "jsonl", "ndjson"):
        return head[:1] in (b"{", b"[") or not head or b"\0" in head
    return ending in ("csv", "tsv", "txt", "tab", "") and head.startswith((b'{"', b'[{"', b'[\n{"', b"[\n  {"))
