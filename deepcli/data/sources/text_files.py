"""Folders of texts: a folder for each class, or such folders in a folder for each split."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deepcli.data.sources.findings import Finding
from deepcli.data.sources.folder_layout import FolderLayout, layout_of
from deepcli.errors import DataError

ENDINGS = (".txt", ".md")
FOREIGN = ("__macosx", "thumbs.db", "desktop.ini")
"""Hidden files of other systems, which are left out without a notice."""
MAX_BYTES = 16 << 20
MAX_FILES = 5_000_000
BOMS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
CONTROLS = frozenset(map(chr, range(32))) - set("\t\n\v\f\r\x1a\x1b")


@dataclass(frozen=True)
class TextFolder:
    """The texts in a folder, by split and class, without their content.

    Attributes:
        folder: The folder.
        layout: Its files, splits and classes; paths are relative to the folder.
        findings: Files that are left out, and what is odd about the layout.
    """

    folder: Path
    layout: FolderLayout
    findings: tuple[Finding, ...]


@dataclass
class _Walk:
    """What is found on the way through a folder."""

    paths: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)


def list_texts(folder: Path) -> TextFolder:
    """List the `.txt` and `.md` files of a folder with their splits and classes; hidden files are left out.

    Links to folders, and links to files outside the folder, are not followed.

    Raises:
        DataError: It is not a folder, has no such files, or its layout has no classes.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: {'is not a folder' if folder.exists() else 'no such folder'}")
    walk = _Walk()
    _walk(folder, walk)
    if not walk.paths:
        others = f"; it has {_counted(walk.others)}" if walk.others else ""
        raise DataError(
            f"{folder}: has no {' or '.join(ENDINGS)} files{others}; put the texts into a folder for each class"
        )
    layout = layout_of(sorted(walk.paths), sorted(walk.folders), str(folder))
    if walk.others:
        left_out = f"files of other types are left out: {_counted(walk.others)}"
        walk.findings.append(Finding("other-files", "note", str(folder), left_out))
    return TextFolder(folder, layout, (*walk.findings, *layout.findings))


def read_text_files(folder: Path, paths: Sequence[str]) -> tuple[list[str | None], tuple[Finding, ...]]:
    """Read texts, None for each that cannot be read.

    Args:
        folder: The folder.
        paths: Relative to it.

    Returns:
        The texts in order, and an error for each that is None, a warning for each that is not UTF-8 or is empty.
    """
    texts: list[str | None] = []
    findings: list[Finding] = []
    for path in paths:
        text, finding = _read(folder / path)
        texts.append(text)
        findings += [finding] if finding else []
    return texts, tuple(findings)


def decode(content: bytes) -> tuple[str, str] | None:
    """Decode a text as UTF-8, UTF-16 if it begins with a byte order mark, or else Windows-1252.

    Returns:
        The text and the name of the encoding; None if the bytes are not text.
    """
    encoding = next((name for mark, name in BOMS.items() if content.startswith(mark)), "utf-8")
    for name in (encoding, "cp1252"):
        try:
            text = content.decode(name)
        except UnicodeDecodeError:
            continue
        if not CONTROLS.isdisjoint(text):  # a NUL, for example: a picture, or UTF-16 without a byte order mark
            return None
        return text, name
    return None


def _read(path: Path) -> tuple[str | None, Finding | None]:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        return None, Finding("unreadable", "error", str(path), f"cannot be read: {error.strerror or error}")
    if len(content) > MAX_BYTES:
        return None, Finding(
            "too-long", "error", str(path), f"is longer than {MAX_BYTES >> 20} MiB; split it into texts"
        )
    decoded = decode(content)
    if decoded is None:
        return None, Finding(
            "not-text", "error", str(path), "is not text (binary content); remove it, or save it as UTF-8"
        )
    text, encoding = decoded
    if not text.strip():
        return text, Finding("empty-text", "warning", str(path), "is empty")
    if encoding == "cp1252":
        advice = "is not UTF-8 and is read as Windows-1252; save it as UTF-8 if letters with accents are wrong"
        return text, Finding("not-utf-8", "warning", str(path), advice)
    return text, None


def _walk(folder: Path, walk: _Walk) -> None:
    root = os.path.realpath(folder)

    def unread(error: OSError) -> None:
        walk.findings.append(Finding("unreadable", "error", str(error.filename), f"cannot be read: {error.strerror}"))

    for here, folders, names in os.walk(folder, onerror=unread):
        below = Path(here).relative_to(folder).as_posix()
        prefix = "" if below == "." else f"{below}/"
        wanted = sorted(name for name in folders if not _hidden(name))
        links = [name for name in wanted if Path(here, name).is_symlink()]
        folders[:] = [name for name in wanted if name not in links]
        walk.folders += [f"{prefix}{name}" for name in folders]
        walk.findings += [
            Finding("link", "warning", str(Path(here, name)), "is a link to a folder and is left out") for name in links
        ]
        for name in sorted(name for name in names if not _hidden(name)):
            path = Path(here, name)
            ending = path.suffix.lower()
            if ending not in ENDINGS:
                walk.others[ending or "without an ending"] += 1
            elif path.is_symlink() and not _inside(path, root):
                text = "is a link to a file outside the folder, or to none, and is left out; copy the file instead"
                walk.findings.append(Finding("link", "warning", str(path), text))
            elif not path.is_file():
                walk.findings.append(
                    Finding("not-a-file", "warning", str(path), "is not an ordinary file and is left out")
                )
            else:
                walk.paths.append(f"{prefix}{name}")
        if len(walk.paths) > MAX_FILES:
            raise DataError(f"{folder}: has more than {MAX_FILES:,} files; put the texts into a table")


def _hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in FOREIGN


def _inside(path: Path, root: str) -> bool:
    real = os.path.realpath(path)
    return real.startswith(root.rstrip(os.sep) + os.sep) and os.path.isfile(real)  # noqa: PTH113


def _counted(endings: Counter[str]) -> str:
    return ", ".join(f"{count:,} {ending}" for ending, count in sorted(endings.items()))
