"""Own data in the place of a spec: `deepcli train photos/` trains what suits them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepcli.errors import UsageError

if TYPE_CHECKING:
    from deepcli.spec.yaml12 import Document

CHOSEN = "chosen for the data"
"""Where the values of a spec were written that nobody wrote."""
SPECS = (".yaml", ".yml", ".json")


def is_data_path(part: object) -> bool:
    """Return whether a word names own data and not a spec."""
    from deepcli.data.sources.kinds import ARRAYS, RUNNING, SERIES, TABLES, TAPES, ending_of

    if not isinstance(part, str | os.PathLike):
        return False
    path = os.fspath(part)
    if path.lower().endswith(SPECS):
        return path.lower().endswith(".json") and _is_list(Path(path))
    try:
        is_folder = Path(path).is_dir()
    except OSError:  # the name is too long
        return False
    known = (*TABLES, *ARRAYS, *RUNNING, *SERIES, *TAPES)
    return is_folder or ending_of(path) in known or path.lower().endswith(".zip")


def _is_list(file: Path) -> bool:
    """Return whether a JSON file holds a list, which no spec is: the rows of a table."""
    try:
        with file.open("rb") as stream:
            return stream.read(64).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"[")
    except OSError:
        return False


def data_document(paths: Sequence[str | os.PathLike[str]], overrides: Sequence[str]) -> Document:
    """Return the spec that suits own data, as a document that overrides are applied to.

    Raises:
        UsageError: Several paths do not form one table.
        SpecError: The overrides do not fit the data.
        DataError: The data cannot be used.
    """
    from deepcli.api.loading import document_of
    from deepcli.catalog.recommended import name_of, recommend

    path = joined_path([os.fspath(one) for one in paths])
    return document_of({"name": name_of(path), **recommend({"path": path}, overrides)}, CHOSEN)


def joined_path(paths: Sequence[str]) -> str:
    """Return the path of several files: a pattern that matches them and no others.

    Raises:
        UsageError: No pattern matches these files alone.
    """
    if len(paths) == 1:
        return paths[0]
    start = common_start(paths)
    end = common_start([path[len(start) :][::-1] for path in paths])[::-1]
    pattern = f"{start}*{end}"
    folder, name = os.path.split(pattern)
    found: list[Any] = sorted(map(str, Path(folder or ".").glob(name))) if name != "*" else []
    if sorted(map(os.path.normpath, found)) != sorted(map(os.path.normpath, paths)):
        raise UsageError(f"{', '.join(paths)}: give one folder, one file, or files of one table such as sst2_*.tsv")
    return pattern


def common_start(words: Sequence[str]) -> str:
    """Return the longest text that all words begin with."""
    first, last = min(words), max(words)
    same = next((place for place, sign in enumerate(first) if sign != last[place]), len(first))
    return first[:same]
