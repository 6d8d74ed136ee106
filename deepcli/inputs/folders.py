"""Finds the files in a folder and its subfolders that a model can read, and reports those that it skips."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

from deepcli.inputs.example import Notify


def files_in(folder: Path, suffixes: Collection[str], notify: Notify) -> Iterator[Path]:
    """Find files by their suffixes in a folder and its subfolders, in order; hidden files and folders are ignored.

    Args:
        folder: Where to look. Links to folders are not followed, because they may form a loop.
        suffixes: In lower case, with the dot.
        notify: Receives notices about files that were skipped and folders that cannot be read.
    """
    left_out: Counter[str] = Counter()

    def unread(error: OSError) -> None:
        notify(f"{error.filename}: skipped: {error.strerror}")

    for place, folders, names in os.walk(folder, onerror=unread):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in [one for one in folders if os.path.islink(os.path.join(place, one))]:  # noqa: PTH114, PTH118
            notify(f"{Path(place) / name}: skipped: it is a link to a folder")
        for name in sorted(names):
            suffix = Path(name).suffix.lower()
            if suffix in suffixes and not name.startswith("."):
                yield Path(place) / name
            elif not name.startswith("."):
                left_out[suffix or "without a suffix"] += 1
    if left_out:
        kinds = ", ".join(f"{count} {suffix}" for suffix, count in sorted(left_out.items()))
        total = left_out.total()
        notify(f"{folder}: skipped {total} file{'s' * (total > 1)} of other types: {kinds}")
