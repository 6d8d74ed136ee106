"""Lists the pictures of a folder by names alone: which class and split each belongs to, and what is left out."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from deepcli.data.sources.findings import Finding
from deepcli.data.sources.kinds import PICTURES
from deepcli.data.sources.naming import printable

RUBBISH = ("thumbs.db", "desktop.ini", "__macosx", ".ds_store")
"""What systems leave in folders, lower case; left out without a word."""
MOST_SHOWN = 5


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A file that has the ending of a picture.

    Attributes:
        parts: Its place below the folder: names of folders, then its own.
        size: Bytes.
        mtime_ns: When its content was modified, in nanoseconds.
        ctime_ns: When the file was changed in any way, in nanoseconds.
    """

    parts: tuple[str, ...]
    size: int
    mtime_ns: int
    ctime_ns: int


class PictureWalk:
    """Goes through a folder and collects its pictures, its folders, and what is left out and why.

    Links to files inside the folder are read; links to folders and links that lead out are left out, so that nothing is
    counted twice, nothing outside is read, and loops end.

    Args:
        root: The folder.

    Raises:
        OSError: The folder itself cannot be read.
    """

    def __init__(self, root: Path) -> None:
        self.files: list[PictureFile] = []
        self.folders: list[tuple[str, ...]] = []
        self.findings: list[Finding] = []
        self._root = root
        self._real = os.path.realpath(root)
        self._foreign: Counter[str] = Counter()
        self._hidden: list[str] = []
        self._links: dict[str, list[str]] = {}
        waiting: list[tuple[str, ...]] = [()]
        while waiting:
            waiting += self._enter(waiting.pop())
        self._report()

    def _enter(self, parts: tuple[str, ...]) -> list[tuple[str, ...]]:
        """Collect what is directly in a folder and return its subfolders."""
        inside: list[tuple[str, ...]] = []
        try:
            with os.scandir(os.path.join(self._root, *parts)) as entries:  # noqa: PTH118
                inside.extend((*parts, entry.name) for entry in entries if self._is_folder(entry, parts))
        except OSError as error:
            if not parts:
                raise
            self._found("unreadable-folder", "error", parts, f"cannot be read: {error.strerror}; check its permissions")
        self.folders += inside
        return inside

    def _is_folder(self, entry: os.DirEntry[str], parts: tuple[str, ...]) -> bool:
        """Return whether an entry is a folder to enter; collect it if it is a picture."""
        name = entry.name
        if name.startswith(".") or name.lower() in RUBBISH:
            if not name.startswith("._") and name.lower() not in RUBBISH:
                self._hidden.append("/".join((*parts, name)))
        elif entry.is_symlink():
            self._follow(entry, (*parts, name))
        elif entry.is_dir(follow_symlinks=False):
            return True
        else:
            self._take(entry, (*parts, name))
        return False

    def _follow(self, entry: os.DirEntry[str], parts: tuple[str, ...]) -> None:
        real = os.path.realpath(entry.path)
        if not os.path.exists(real):  # noqa: PTH110
            why = "pointing to nothing"
        elif not real.startswith(self._real.rstrip(os.sep) + os.sep):
            why = "leading out of the folder"
        elif entry.is_dir():
            why = "to other folders of it"
        else:
            self._take(entry, parts)
            return
        self._links.setdefault(why, []).append("/".join(parts))

    def _take(self, entry: os.DirEntry[str], parts: tuple[str, ...]) -> None:
        ending = os.path.splitext(entry.name)[1][1:].lower()  # noqa: PTH122
        try:
            if ending in PICTURES and entry.is_file():
                about = entry.stat()
                self.files.append(PictureFile(parts, about.st_size, about.st_mtime_ns, about.st_ctime_ns))
                return
        except OSError as error:  # deleted since it was listed, or a file system that fails
            self._found("unreadable", "error", parts, f"cannot be read: {error.strerror}")
            return
        self._foreign[f".{printable(ending)}" if ending else "without an ending"] += 1

    def _found(self, code: str, severity: str, parts: tuple[str, ...], text: str) -> None:
        self.findings.append(Finding(code, severity, printable("/".join(parts)), text))  # type: ignore[arg-type]

    def _report(self) -> None:
        where = printable(str(self._root))
        for why, names in sorted(self._links.items()):
            text = f"left out {len(names)} symbolic link{'s' * (len(names) > 1)} {why}: {some(names)}"
            remedy = "; copy the pictures into the folder to use them" if "out" in why else ""
            self.findings.append(Finding("link", "warning", where, text + remedy))
        if total := self._foreign.total():
            kinds = [f"{count} {ending}" for ending, count in self._foreign.most_common()]
            text = f"left out {total} file{'s' * (total > 1)} that are not pictures: {', '.join(kinds[:20])}"
            self.findings.append(Finding("foreign-files", "note", where, text))
        if self._hidden:
            text = f"left out {len(self._hidden)} hidden file{'s' * (len(self._hidden) > 1)} or folders: "
            self.findings.append(Finding("hidden-files", "note", where, text + some(sorted(self._hidden))))


def some(names: list[str]) -> str:
    """Join the first of many names, printable, with the number of the rest."""
    shown = ", ".join(printable(name) for name in names[:MOST_SHOWN])
    return shown if len(names) <= MOST_SHOWN else f"{shown} and {len(names) - MOST_SHOWN:,} more"
