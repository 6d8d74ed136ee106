"""Reads what `save_to_disk` of Hugging Face's `datasets` library, an extra, wrote into a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from deepcli.data.sources.findings import Finding
from deepcli.data.sources.kinds import SAVED
from deepcli.data.sources.tables.json_table import plain_text
from deepcli.data.sources.tables.table_options import Table, check_names, quoted
from deepcli.errors import DataError
from deepcli.system import extras

ONE, SEVERAL = SAVED


def is_saved_dataset(folder: Path) -> bool:
    """Return whether a folder was written by `save_to_disk`."""
    return any((folder / name).is_file() for name in SAVED)


def saved_splits(folder: Path) -> list[Path]:
    """Return the folder of each split of a saved data set; the folder itself if it has no splits.

    Raises:
        DataError: The list of splits is damaged, or names a folder that does not exist.
    """
    if (folder / ONE).is_file():
        return [folder]
    try:
        names = json.loads((folder / SEVERAL).read_text(encoding="utf-8"))["splits"]
        found = [folder / name for name in names if Path(name).name == name]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(f"{folder / SEVERAL}: cannot be read as the splits of a saved data set: {error}") from None
    lacking = [part for part in found if not (part / ONE).is_file()]
    if lacking or not found:
        raise DataError(f"{folder / SEVERAL}: names splits that do not exist; save the data set again")
    return found


def read_saved_dataset(folder: Path) -> Table:
    """Read one split as text; classes by name, dates in ISO format, and a null is None.

    Columns of pictures, sounds and nested values are left out with a finding; they are not decoded.

    Raises:
        DataError: It is damaged, or has no column that can be read.
        UsageError: The package `datasets` is not installed.
    """
    extras.demand(f"{folder}:", ("datasets",), "datasets")
    import datasets

    try:
        found = datasets.load_from_disk(str(folder))
    except Exception as error:  # of pyarrow, among others
        raise DataError(f"{folder}: cannot be read as a saved data set: {error}") from None
    return table_of_dataset(found, folder)


def table_of_dataset(dataset: Any, folder: Path) -> Table:
    """Turn a `datasets.Dataset` into a table.

    Raises:
        DataError: It has no rows, or no column of strings, numbers, classes or dates.
    """
    names, columns, findings = [], [], []
    for name in dataset.column_names:
        feature = dataset.features[name]
        if not _is_plain(feature):
            kind = feature.dtype if type(feature).__name__ == "Value" else type(feature).__name__
            text = f"columns of type {kind} are not read"
            findings.append(Finding("column-left-out", "warning", f"{folder}: column {name!r}", text))
            continue
        columns.append([_as_text(value, feature, f"{folder}: column {quoted(name)}") for value in dataset[name]])
        names.append(str(name).strip())
    if not names:
        raise DataError(f"{folder}: has no column of strings, numbers, classes or dates")
    check_names(folder, names)
    if not columns[0]:
        raise DataError(f"{folder}: has no rows")
    rows = list(range(1, len(columns[0]) + 1))
    return Table(folder, tuple(names), tuple(columns), rows, {"format": "datasets", "packed": ""}, findings)


def _is_plain(feature: Any) -> bool:
    """Return whether a feature is a value, a class, or a list of either; others are decoded when they are looked at."""
    inner = getattr(feature, "feature", feature)
    return type(inner).__name__ in ("ClassLabel", "Value") and "binary" not in inner.dtype


def _as_text(value: Any, feature: Any, where: str) -> str | None:
    if isinstance(value, list):
        return plain_text([_as_text(each, feature.feature, where) for each in value], where)
    classes = getattr(feature, "names", None)
    if classes is None or value is None:
        return plain_text(value, where)
    # -1 marks examples without a class, as in test splits that are not published.
    return str(classes[value]) if 0 <= value < len(classes) else None
