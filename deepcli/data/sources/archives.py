"""Opens zip and tar archives of a folder in deepcli's cache: once for each content, safely, completely or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from deepcli.data.cache_room import full, make_room
from deepcli.data.sources.kinds import PICTURES
from deepcli.data.sources.members import Limits, Member, UnsafeArchive, members
from deepcli.data.sources.naming import printable
from deepcli.errors import DataError
from deepcli.system.atomic import put_directory

ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
KEEP_SECONDS = 24 * 3600
"""Opened archives that were used in this time stay: another process may be reading them."""
PIECE = 1 << 20


def is_archive(path: Path) -> bool:
    """Return whether a path has the ending of an archive that `unpacked` opens."""
    return path.name.lower().endswith(ENDINGS)


def unpacked(path: Path, cache_folder: Path) -> Path:
    """Open a zip or tar archive in the cache, unless it has been opened before, and return its folder.

    If everything in the archive is in one folder that holds folders, that folder is returned.

    Raises:
        DataError: The archive is missing, damaged, encrypted, too large, changes while it is read, or holds anything but
            plain files inside the folder; or the cache cannot be written.
    """
    shown = printable(str(path))
    try:
        with path.open("rb") as file:
            before = os.fstat(file.fileno())
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            entry = cache_folder / "archives" / digest[:40]
            if not _is_whole(entry):
                _open_into(entry, file, before.st_size, shown)
            after = os.fstat(file.fileno())
    except OSError as error:
        raise DataError(f"{shown}: cannot be read: {error.strerror or error}") from None
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise DataError(f"{shown}: changed while it was read; try again when it is complete")
    with contextlib.suppress(OSError):
        os.utime(entry)  # the least recently used are deleted first
    return _inner(entry / "files")


def _open_into(entry: Path, file: IO[bytes], size: int, shown: str) -> None:
    make_room(entry.parent, keep_recent=KEEP_SECONDS)
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".opening-", dir=entry.parent))
    except OSError as error:
        raise DataError(full(entry.parent, error)) from None
    try:
        limits = Limits.of(size, shutil.disk_usage(made).free)
        _extract(members(file, limits), made / "files", shown)
        (made / "manifest.json").write_text(json.dumps(_manifest(made / "files")), encoding="ascii")
        _put(made, entry)
    except UnsafeArchive as error:
        raise DataError(f"{shown}: {error}") from None
    except OSError as error:
        raise DataError(full(entry.parent, error)) from None
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _extract(found: Iterator[Member], into: Path, shown: str) -> None:
    into.mkdir()
    for member in found:
        target = into.joinpath(*member.parts)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            out = target.open("xb")
        except (FileExistsError, NotADirectoryError):
            raise DataError(f"{shown}: contains {printable('/'.join(member.parts))} twice") from None
        with out:  # not flushed to disk one by one: what a power failure takes is noticed by the manifest
            while piece := member.read(PIECE):
                out.write(piece)


def _put(made: Path, entry: Path) -> None:
    """Rename a complete folder to its final name; another process may have been faster."""
    try:
        put_directory(made, entry)
    except FileExistsError:
        if _is_whole(entry):
            return
        damaged = Path(tempfile.mkdtemp(prefix=".damaged-", dir=entry.parent))
        put_directory(entry, damaged)
        shutil.rmtree(damaged, ignore_errors=True)
        put_directory(made, entry)


def _is_whole(entry: Path) -> bool:
    """Return whether an archive has been opened and all its files are still in the cache."""
    try:
        manifest = json.loads((entry / "manifest.json").read_text(encoding="ascii"))
        return bool(manifest == _manifest(entry / "files"))
    except (OSError, ValueError):
        return False


def _manifest(folder: Path) -> dict[str, int]:
    files = size = 0
    waiting = [str(folder)]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for one in entries:
                if one.is_dir(follow_symlinks=False):
                    waiting.append(one.path)
                else:
                    files, size = files + 1, size + one.stat(follow_symlinks=False).st_size
    return {"files": files, "bytes": size}


def _inner(folder: Path) -> Path:
    """Go down while everything is in one folder, but not into one that may be a class."""
    while True:
        entries = [one for one in folder.iterdir() if not one.name.startswith(".")]
        folders = [one for one in entries if one.is_dir()]
        if len(folders) != 1 or _holds_pictures(entries):
            return folder
        inside = list(folders[0].iterdir())
        if _holds_pictures(inside) or not any(one.is_dir() for one in inside):
            return folder
        folder = folders[0]


def _holds_pictures(entries: list[Path]) -> bool:
    return any(one.suffix[1:].lower() in PICTURES and one.is_file() for one in entries)
