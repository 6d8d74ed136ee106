"""Reads data sets of the Hugging Face `datasets` library, an extra, as tables."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepcli.data.sources.findings import Finding
from deepcli.errors import DataError
from deepcli.system import extras

STATE_FILES = ("state.json", "dataset_dict.json")
"""Files that `save_to_disk` writes into the folder of a data set, and into that of several splits."""
Value = str | int | float | bool | None


@dataclass(frozen=True)
class HubTable:
    """A split of a data set as columns of plain values.

    Attributes:
        names: Names of the columns.
        columns: The values of each column; classes by name, dates in ISO format.
        findings: Columns that are left out.
    """

    names: tuple[str, ...]
    columns: tuple[list[Value], ...]
    findings: tuple[Finding, ...] = ()


def is_saved_dataset(folder: Path) -> bool:
    """Return whether a folder was written by `save_to_disk`."""
    return any((folder / name).is_file() for name in STATE_FILES)


def read_saved_dataset(folder: Path) -> dict[str, HubTable]:
    """Read a folder that `save_to_disk` wrote, by split; `train` alone if it has no splits.

    Raises:
        DataError: It is damaged, or has no column that can be read.
        UsageError: The package `datasets` is not installed.
    """
    extras.demand(f"data.path: {folder}", ("datasets",), "datasets")
    import datasets

    try:
        found = datasets.load_from_disk(str(folder))
    except Exception as error:  # of pyarrow, among others
        raise DataError(f"{folder}: cannot be read as a saved data set: {error}") from error
    parts = found if isinstance(found, Mapping) else {"train": found}
    return {split: table_of_dataset(part, f"{folder} ({split})") for split, part in parts.items()}


def table_of_dataset(dataset: Any, where: str = "the data set") -> HubTable:
    """Turn a `datasets.Dataset` into columns of plain values.

    Args:
        dataset: The data set, with `features`, `column_names` and columns by name.
        where: Its name in messages.

    Raises:
        DataError: It has no column of strings, numbers, classes or dates.
    """
    names, columns, findings = [], [], []
    for name in dataset.column_names:
        classes = getattr(dataset.features[name], "names", None)
        try:
            values = [_plain(value, classes) for value in dataset[name]]
        except TypeError as error:
            text = f"the column has {error} and is left out; only strings, numbers, classes and dates are read"
            findings.append(Finding("column-left-out", "warning", f"{where}: {name}", text))
            continue
        names.append(name)
        columns.append(values)
    if not names:
        raise DataError(f"{where}: has no column of strings, numbers, classes or dates")
    return HubTable(tuple(names), tuple(columns), tuple(findings))


def _plain(value: Any, classes: list[str] | None) -> Value:
    if value is None or isinstance(value, str | bool | float):
        return value
    if isinstance(value, int):
        # -1 marks examples without a class, as in test splits that are not published.
        return value if classes is None else classes[value] if 0 <= value < len(classes) else None
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    raise TypeError(f"values of type {type(value).__name__}")
