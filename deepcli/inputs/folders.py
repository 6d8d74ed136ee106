"""What is in a folder and in the folders in it: files that a model reads, and a word on those that it does not."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

from deepcli.inputs.example import Notify


def files_in(folder: Path, suffixes: Collection[str], notify: Notify) -> Iterator[Path]:
    """Find files by the ends of their names, in order, in a folder and those below it; hidden ones are left out.

    Args:
        folder: Where to look. Links to folders are not followed, for they may lead round in a circle.
        suffixes: In lower case, with the point.
        notify: Is told which files were left out, and which folders cannot be read.
    """
    left_out: Counter[str] = Counter()

    def unread(error: OSError) -> None:
        notify(f"{error.filename}: was left out: {error.strerror}")

    for place, folders, names in os.walk(folder, onerror=unread):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in [one for one in folders if os.path.islink(os.path.join(place, one))]:  # noqa: PTH114, PTH118
            notify(f"{Path(place) / name}: was left out, a link to a folder")
        for name in sorted(names):
            suffix = Path(name).suffix.lower()
            if suffix in suffixes and not name.startswith("."):
                yield Path(place) / name
            elif not name.startswith("."):
                left_out[suffix or "without an ending"] += 1
    if left_out:
        kinds = ", ".join(f"{count} {suffix}" for suffix, count in sorted(left_out.items()))
        total = left_out.total()
        notify(f"{folder}: {total} file{'s' * (total > 1)} of other kinds left out: {kinds}")
