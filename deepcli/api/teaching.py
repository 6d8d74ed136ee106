"""Lessons: small specs in groups, each with what it reached; they are part of the package."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deepcli.errors import UsageError

FOLDER = Path(__file__).parent.parent / "lessons"


@dataclass(frozen=True)
class Lesson:
    """One spec.

    Attributes:
        name: Its name, which begins with that of its group.
        title: What the group is about.
        outcome: The accuracy, or another score by its name, that it reached on the test split, over several seeds.
        text: The spec.
    """

    name: str
    title: str
    outcome: str
    text: str

    @property
    def group(self) -> str:
        """The group, whose specs differ in one thing."""
        return self.name.partition("-")[0]

    def files(self, folder: Path) -> dict[Path, str]:
        """Return what a copy writes by file: the spec, which then reads its data from there, and the data that it reads."""
        from deepcli.api.lesson_data import FILES

        written, text = {}, self.text
        for name, make in FILES.items():
            if f"path: lessons/{name}" in text:
                text = text.replace(f"path: lessons/{name}", f"path: {_plain((folder / name).as_posix())}")
                written[folder / name] = make()
        return {folder / f"{self.name}.yaml": text} | written


def find_lessons(names: Sequence[str] = ()) -> list[Lesson]:
    """Return lessons by name or by group; all of them if none is named.

    Raises:
        UsageError: A name is unknown.
    """
    from deepcli.spec.spelling import did_you_mean

    known = [_read(path) for path in sorted(FOLDER.glob("*.yaml"))]
    found = []
    for name in names:
        fitting = [one for one in known if name.removesuffix(".yaml") in (one.name, one.group)]
        if not fitting:
            groups = dict.fromkeys(one.group for one in known)
            hint = did_you_mean(name, [*groups, *(one.name for one in known)])
            raise UsageError(f"unknown lesson {name!r}; {hint}known groups: {', '.join(groups)}")
        found += fitting
    return list(dict.fromkeys(found)) if names else known


def copy_lessons(names: Sequence[str], folder: Path, overwrite: bool = False) -> list[Path]:
    """Copy lessons and the data that they read into a folder, which is made if it does not exist; return the files.

    Args:
        names: Names of lessons or groups; none for all.
        folder: The folder.
        overwrite: Whether to replace files that differ.

    Raises:
        UsageError: A name is unknown, a file would be replaced, or the folder cannot be written.
    """
    from deepcli.system.atomic import write_text

    wanted = {path: text for one in find_lessons(names) for path, text in one.files(folder).items()}
    try:
        changed = [path for path, text in wanted.items() if path.exists() and path.read_bytes() != text.encode()]
        if changed and not overwrite:
            more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
            raise UsageError(
                f"{changed[0]}{more}: exists and differs; nothing was copied; --overwrite replaces what differs"
            )
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in wanted.items():
            write_text(path, text)
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror or error}") from None
    return list(wanted)


def _plain(place: str) -> str:
    """Write a path as YAML inside braces."""
    return place if re.fullmatch(r"[\w./-]+", place) else json.dumps(place, ensure_ascii=False)


def _read(path: Path) -> Lesson:
    text = path.read_text(encoding="utf-8")
    header = " ".join(line.removeprefix("#").strip() for line in text.splitlines() if line.startswith("#"))
    title = re.search(r"Lesson: (.+?)\. ", header)
    outcome = re.search(r"Test (?:accuracy (.+? %)|(\w+ [\d.]+ ± [\d.]+(?: %)?))", header)
    return Lesson(
        path.stem,
        title[1][0].upper() + title[1][1:] if title else "",
        (outcome[1] or outcome[2]) if outcome else "",
        text,
    )
