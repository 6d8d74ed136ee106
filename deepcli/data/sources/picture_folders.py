"""Folders of pictures: a folder for each class, or folders of splits above them."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from deepcli.data.sources.findings import Finding, Severity
from deepcli.data.sources.naming import alike, natural, printable, readable
from deepcli.data.sources.picture_files import PictureWalk, some
from deepcli.data.sources.split_folders import EXPECTED, NAMES, split_folders
from deepcli.errors import DataError


class Picture(NamedTuple):
    """A picture of an image folder.

    Attributes:
        name: Its path relative to the folder, with `/`; opens the file, but may not be fit to be printed.
        label: Its class.
        split: `train`, `validation` or `test` if the folder has splits.
        size: Bytes of the file.
        mtime_ns: When the content was modified, in nanoseconds.
        ctime_ns: When the file was changed in any way, in nanoseconds; notices a content that keeps size and mtime.
    """

    name: str
    label: str
    split: str | None
    size: int
    mtime_ns: int
    ctime_ns: int


@dataclass(frozen=True)
class PictureFolder:
    """What an image folder holds, by names alone.

    Attributes:
        path: The folder.
        pictures: All pictures with a class, sorted by name.
        classes: Names of the classes in natural order, `2` before `10`.
        splits: The splits that have pictures, in the order train, validation, test; empty if the folder has none.
        findings: What was left out, and what is doubtful.
    """

    path: Path
    pictures: tuple[Picture, ...]
    classes: tuple[str, ...]
    splits: tuple[str, ...]
    findings: tuple[Finding, ...]


def list_pictures(folder: Path, labelled: bool = True) -> PictureFolder:
    """List the pictures of a folder with their classes; no picture is opened.

    Args:
        folder: The folder.
        labelled: Whether pictures need classes. Otherwise they have them if all are in class folders, and there are two.

    Raises:
        DataError: It is missing or not a folder, has no pictures or only one class, its layout is unclear, or a split has
            classes that training lacks.
    """
    shown = printable(str(folder))
    try:
        walk = PictureWalk(folder)
    except FileNotFoundError:
        raise DataError(f"{shown}: no such folder; check the path") from None
    except NotADirectoryError:
        raise DataError(f"{shown}: is a file; expected a folder of pictures, or a zip or tar archive of one") from None
    except OSError as error:
        raise DataError(f"{shown}: cannot be read: {error.strerror}; check its permissions") from None
    if not walk.files:
        left_out = "".join(f"\n  {one.where}: {one.text}" for one in walk.findings)
        raise DataError(f"{shown}: has no pictures (JPEG, PNG, WebP, BMP, GIF or TIFF); {EXPECTED}{left_out}")
    return _Sorting(folder, walk, labelled).result()


class _Sorting:
    """Gives every picture its class and split."""

    def __init__(self, folder: Path, walk: PictureWalk, labelled: bool) -> None:
        self._folder, self._walk, self._labelled = folder, walk, labelled
        self._shown = printable(str(folder))
        self._findings = list(walk.findings)
        self._splits = split_folders(self._shown, [file.parts for file in walk.files], self._findings)
        self._depth = 1 if self._splits else 0
        self._names: dict[str, str] = {}
        """The folder that each class is named after."""

    def result(self) -> PictureFolder:
        """Sort the pictures and check that every class can be learned."""
        if not self._labelled and not self._has_classes():
            return self._unlabelled()
        pictures = self._sorted()
        counts: dict[str | None, Counter[str]] = defaultdict(Counter)
        for picture in pictures:
            counts[picture.split][picture.label] += 1
        classes = sorted({picture.label for picture in pictures}, key=natural)
        self._empty()
        self._similar(classes)
        self._compared(counts)
        self._enough(classes)
        splits = tuple(name for name in ("train", "validation", "test") if counts.get(name))
        return PictureFolder(self._folder, tuple(pictures), tuple(classes), splits, tuple(self._findings))

    def _has_classes(self) -> bool:
        """Return whether every picture is in a class folder, and classes are at least two."""
        depth = self._depth
        ours = [file for file in self._walk.files if not depth or file.parts[0] in self._splits]
        labels = {file.parts[depth] for file in ours if len(file.parts) > depth + 1}
        return len(labels) > 1 and all(len(file.parts) > depth + 1 for file in ours)

    def _unlabelled(self) -> PictureFolder:
        """Take all pictures, wherever they are, without classes."""
        pictures = [
            Picture("/".join(file.parts), "", self._splits.get(file.parts[0]), file.size, file.mtime_ns, file.ctime_ns)
            for file in self._walk.files
            if not self._depth or file.parts[0] in self._splits
        ]
        if left_out := len(self._walk.files) - len(pictures):
            self._found("no-split", "warning", "", f"left out {left_out} pictures that are in no folder of a split")
        pictures.sort(key=lambda picture: picture.name)
        found = {picture.split for picture in pictures}
        splits = tuple(name for name in ("train", "validation", "test") if name in found)
        return PictureFolder(self._folder, tuple(pictures), (), splits, tuple(self._findings))

    def _sorted(self) -> list[Picture]:
        depth, stray, other = self._depth, [], Counter[str]()
        pictures = []
        for file in self._walk.files:
            name = "/".join(file.parts)
            if depth and len(file.parts) > 1 and file.parts[0] not in self._splits:
                other[file.parts[0]] += 1
            elif len(file.parts) < depth + 2:
                stray.append(name)
            else:
                label = self._label(file.parts[depth])
                split = self._splits.get(file.parts[0])
                pictures.append(Picture(name, label, split, file.size, file.mtime_ns, file.ctime_ns))
        if stray and not pictures:
            raise DataError(f"{self._shown}: its pictures are not in class folders ({some(sorted(stray))}); {EXPECTED}")
        if stray:
            text = (
                f"left out {len(stray)} picture{'s' * (len(stray) > 1)} without a class folder: {some(sorted(stray))}"
            )
            self._found("no-class", "warning", "", text)
        for name, count in sorted(other.items()):
            self._found("no-split", "warning", name, f"left out its {count} pictures: not a folder of a split")
        pictures.sort(key=lambda picture: picture.name)
        return pictures

    def _label(self, folder: str) -> str:
        label = readable(folder)
        if self._names.setdefault(label, folder) != folder:
            raise DataError(f"{self._shown}: two class folders would both be named {label!r}; rename one of them")
        return label

    def _found(self, code: str, severity: Severity, name: str, text: str) -> None:
        where = printable(os.path.join(self._folder, name)) if name else self._shown  # noqa: PTH118
        self._findings.append(Finding(code, severity, where, text))

    def _empty(self) -> None:
        """Report folders without pictures; a class that only validation or test lacks is reported with its split."""
        full = {file.parts[: n + 1] for file in self._walk.files for n in range(len(file.parts) - 1)}
        for parts in sorted(set(self._walk.folders) - full):
            name = "/".join(parts)
            if self._depth and len(parts) == 1 and parts[0].lower() in NAMES:
                self._found("empty-split", "warning", name, "has no pictures")
            elif len(parts) == self._depth + 1 and (not self._depth or self._splits.get(parts[0]) == "train"):
                text = "has no pictures, so there is no such class; add pictures or remove the folder"
                self._found("empty-class", "error", name, text)

    def _similar(self, classes: list[str]) -> None:
        groups = defaultdict(list)
        for label in classes:
            groups[alike(label)].append(label)
        for names in groups.values():
            if len(names) > 1:
                text = f"has classes whose names are nearly the same: {some(names)}; put them together if they are one class"
                self._found("similar-classes", "warning", "", text)

    def _compared(self, counts: Mapping[str | None, Counter[str]]) -> None:
        """Compare the classes of validation and test with those of training."""
        for folder, split in self._splits.items():
            labels, learned = set(counts[split]), set(counts["train"])
            if unknown := sorted(labels - learned, key=natural):
                raise DataError(
                    f"{self._shown}: {printable(folder)} has classes that training lacks: {some(unknown)}; "
                    "add pictures of them to the training folder, or remove these folders"
                )
            if labels and (missing := sorted(learned - labels, key=natural)):
                self._found("missing-class", "warning", folder, f"has no pictures of {some(missing)}")

    def _enough(self, classes: list[str]) -> None:
        if len(classes) == 1:
            inner = Path(self._folder, *([next(iter(self._splits))] if self._splits else []), classes[0])
            raise DataError(
                f"{self._shown}: has only one class, {printable(classes[0])}; {EXPECTED}\n"
                f"  if the classes are the folders inside it, give {printable(str(inner))}"
            )
