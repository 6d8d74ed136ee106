"""Finds the split and the class of each file of a folder by its path alone."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from deepcli.data.sources.findings import Finding
from deepcli.errors import DataError

SPLIT_FOLDERS = {
    "train": "train", "training": "train",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip
"""Names of folders that mean a split, in lower case."""
ADVICE = "put them into a folder for each class, or such folders into train/, validation/ and test/"


@dataclass(frozen=True)
class PlacedFile:
    """A file with its split and class.

    Attributes:
        path: Relative to the folder, with slashes.
        split: `train`, `validation` or `test`; None if the folders do not say.
        label: The name of its class.
    """

    path: str
    split: str | None
    label: str


@dataclass(frozen=True)
class FolderLayout:
    """How the files of a folder are laid out.

    Attributes:
        files: In the order of their paths.
        classes: Names of the classes, sorted; by number if all of them are whole numbers.
        splits: The splits that the folders name, in the order train, validation, test; empty if they name none.
        findings: Files that are left out, and what is odd.
    """

    files: tuple[PlacedFile, ...]
    classes: tuple[str, ...]
    splits: tuple[str, ...]
    findings: tuple[Finding, ...]


def layout_of(paths: Sequence[str], folders: Sequence[str] = (), where: str = "") -> FolderLayout:
    """Find the splits and classes of files.

    A class is the first folder of a path, below the folders of splits if there are any; deeper folders belong to it.

    Args:
        paths: The files, relative to the data folder, with slashes.
        folders: Its folders, so that empty ones are noticed.
        where: The data folder, for messages.

    Raises:
        DataError: No file is in the folder of a class, or two folders name the same split.
    """
    findings: list[Finding] = []
    top = _common(paths)
    if top:
        text = f"the classes are the folders in {top}/, the only folder that has files"
        findings.append(Finding("nested-folder", "note", where, text))
    split_folders = _split_folders([path[len(top) + 1 if top else 0 :] for path in paths], where)
    files, loose, foreign = [], [], []
    for path in paths:
        *above, _ = path[len(top) + 1 if top else 0 :].split("/")
        split = split_folders.get(above[0]) if above else None
        label = above[1:2] if split else above[:1]
        if above and split_folders and split is None:
            foreign.append(path)
        elif not label:
            loose.append(path)
        else:
            # Systems store one name as different code points; the composed form makes equal names equal.
            files.append(PlacedFile(path, split, unicodedata.normalize("NFC", label[0])))
    if not files:
        raise DataError(f"{where}: none of its {len(paths):,} files is in the folder of a class; {ADVICE}")
    findings += _left_out("no-class", loose, "not in the folder of a class", where)
    findings += _left_out("no-split", foreign, "neither in train/ nor in another split", where)
    classes = _ordered({file.label for file in files})
    splits = tuple(name for name in ("train", "validation", "test") if name in {file.split for file in files})
    findings += _empty(folders, paths, top, split_folders, where)
    findings += _odd_classes(files, classes, splits, where)
    return FolderLayout(tuple(files), classes, splits, tuple(findings))


def _common(paths: Sequence[str]) -> str:
    """Return the folders that all paths share above the classes, as in an unpacked archive; an empty string for none."""
    parts = [PurePosixPath(path).parts for path in paths]
    shared: list[str] = []
    while all(len(part) > len(shared) + 2 for part in parts):
        first = parts[0][len(shared)]
        if first.lower() in SPLIT_FOLDERS or any(part[len(shared)] != first for part in parts):
            break
        shared.append(first)
    return "/".join(shared)


def _split_folders(paths: Sequence[str], where: str) -> dict[str, str]:
    """Return the folders that mean splits; none unless `train` is among them and classes are folders in it.

    A class may be called `train` or `test`, so the folders below must be classes: one must be in two splits, or there are
    no other folders.
    """
    below: dict[str, set[str]] = defaultdict(set)
    for path in paths:
        parts = path.split("/")
        if len(parts) > 1:
            below[parts[0]].add(parts[1] if len(parts) > 2 else "")
    named = {name: SPLIT_FOLDERS[name.lower()] for name in below if name.lower() in SPLIT_FOLDERS}
    inside = [below[name] - {""} for name in named]
    shared = len(inside) > 1 and bool(set.intersection(*inside))
    if named and len(named) == len(below):
        if not any(inside):
            raise DataError(f"{where}: {_listed(named)} have files but no folders of classes in them; {ADVICE}")
        if "train" not in named.values():
            raise DataError(f"{where}: has {_listed(named)} but no train/; the training split is needed")
    elif "train" not in named.values() or not shared:
        return {}
    if twice := [name for name in sorted(named) if list(named.values()).count(named[name]) > 1]:
        raise DataError(f"{where}: {_listed(twice)} name the same split; merge or rename them")
    return named


def _listed(folders: Iterable[str]) -> str:
    return " and ".join(f"{name}/" for name in sorted(folders))


def _ordered(labels: set[str]) -> tuple[str, ...]:
    numbers = all(label.isascii() and label.removeprefix("-").isdigit() for label in labels)
    return tuple(sorted(labels, key=lambda label: (int(label), label) if numbers else (0, label)))


def _left_out(code: str, paths: Sequence[str], why: str, where: str) -> list[Finding]:
    if not paths:
        return []
    count = "1 file is" if len(paths) == 1 else f"{len(paths):,} files are"
    return [Finding(code, "warning", where, f"{count} {why} and left out, such as {paths[0]}")]


def _empty(
    folders: Sequence[str], paths: Sequence[str], top: str, split_folders: dict[str, str], where: str
) -> list[Finding]:
    """Report folders of classes without files."""
    full = {str(parent) for path in paths for parent in PurePosixPath(path).parents}
    found = []
    for folder in folders:
        inner = folder[len(top) + 1 :] if top and folder.startswith(f"{top}/") else "" if top else folder
        depth = 2 if inner.split("/")[0] in split_folders else 1
        if inner and folder not in full and len(inner.split("/")) == depth:
            found.append(Finding("empty-class", "warning", f"{where}/{folder}", "has no files that can be read"))
    return found


def _odd_classes(
    files: Sequence[PlacedFile], classes: Sequence[str], splits: Sequence[str], where: str
) -> list[Finding]:
    alike = defaultdict(list)
    for name in classes:
        alike[name.casefold().strip()].append(name)
    found = [
        Finding(
            "similar-classes",
            "warning",
            where,
            f"the classes {', '.join(map(repr, names))} differ in case or spaces only",
        )
        for names in alike.values()
        if len(names) > 1
    ]
    present = {(file.split, file.label) for file in files}
    for split in splits:
        if missing := [name for name in classes if (split, name) not in present]:
            quoted = ", ".join(map(repr, missing[:5])) + (", …" if len(missing) > 5 else "")
            found.append(Finding("missing-class", "warning", where, f"{split} has no examples of {quoted}"))
    if len(classes) == 1:
        found.append(Finding("one-class", "error", where, f"there is only one class, {classes[0]!r}; two are needed"))
    return found
