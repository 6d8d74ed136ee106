"""The existing path that a wrong one is most like: `configs/digits/cnn.yaml` for `config/digits/cn`."""

from __future__ import annotations

import os
import re
from itertools import islice
from pathlib import Path

from deepcli.spec.spelling import misspelled
from deepcli.spec.synonyms import plain

MOST_ENTRIES = 2_000
"""Entries of a folder that are looked at."""


def near_path(path: Path) -> Path | None:
    """Find the existing path that a missing one is most like; None if there is none, or the path exists.

    Each part of the path that is missing is looked for beside where it should be: the same name with another ending or
    letter case, or a name a few edits away.
    """
    try:
        if path.exists():
            return None
        found = Path(path.anchor)
        for part in path.parts[1:] if path.anchor else path.parts:
            near = part if part == ".." or (found / part).exists() else _near(part, found)
            if near is None:
                return None
            found /= near
    except (OSError, ValueError):
        return None
    return found


def _near(name: str, folder: Path) -> str | None:
    """Return the entry of a folder that a name is most like."""
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in islice(entries, MOST_ENTRIES) if not entry.name.startswith("."))
    stem, ending = plain(Path(name).stem), Path(name).suffix
    alike = [one for one in names if plain(one) == plain(name)]
    ended = [one for one in names if plain(Path(one).stem) == stem]
    # Endings are left out of the count of edits; names that differ in digits alone are of another run, not misspelled.
    stems = {Path(one).stem: one for one in names if Path(one).suffix == ending or not ending}
    letters = [one for one in stems if _without_digits(one) != _without_digits(Path(name).stem)]
    edited = [stems[one] for one in misspelled(Path(name).stem, letters)]
    return next(iter([*alike, *ended, *edited]), None)


def _without_digits(text: str) -> str:
    return re.sub(r"\d", "", text)


def near_hint(path: Path) -> str:
    """Suggest the path that was meant, behind a message; an empty string if there is none."""
    near = near_path(path)
    return "" if near is None else f"; did you mean {near}?"
