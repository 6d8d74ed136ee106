"""Opens the file of a table: recognized by content, decompressed on the way, with limits against archives that explode."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, cast

from deepcli.errors import DataError
from deepcli.spec.near_paths import near_hint

MAX_UNPACKED = 8 << 30
MAX_RATIO = 100
FREE = 16 << 20
"""Bytes that may come out of a compressed file whatever its ratio: small tables repeat themselves much."""
MAGIC = {b"\x1f\x8b": "gz", b"BZh": "bz2", b"\xfd7zXZ\0": "xz", b"PK\x03\x04": "zip", b"PAR1": "parquet"}
OLD_EXCEL = b"\xd0\xcf\x11\xe0"
DAMAGED = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError)
"""What reading compressed bytes raises; an encrypted zip is a RuntimeError, an unknown method a NotImplementedError."""


def content_of(path: Path) -> str:
    """Return what a file holds by its first bytes: `gz`, `bz2`, `xz`, `zip`, `parquet`, `xlsx`, or an empty string.

    Raises:
        DataError: It is missing, empty, not a file, not readable, or an old Excel workbook.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise DataError(f"{path}: is a directory; give a file in it")
        if not stat.S_ISREG(mode):
            raise DataError(f"{path}: is not a regular file; copy what it holds into one")
        with path.open("rb") as file:
            head = file.read(8)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file{near_hint(path)}") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if not head:
        raise DataError(f"{path}: is empty")
    if head.startswith(OLD_EXCEL):
        raise DataError(f"{path}: is an Excel workbook in the old format; save it as .xlsx or .csv")
    found = next((kind for magic, kind in MAGIC.items() if head.startswith(magic)), "")
    return "xlsx" if found == "zip" and _is_workbook(path) else found


def check_workbook(path: Path) -> None:
    """Check that a workbook, which is a zip, does not unpack to too much.

    Raises:
        DataError: It does, or is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            total = sum(entry.file_size for entry in archive.infolist())
    except DAMAGED as error:
        raise DataError(f"{path}: is damaged or incomplete: {error}") from None
    _check_size(path, total, path.stat().st_size)


@contextmanager
def unpacked(path: Path, packed: str) -> Iterator[IO[bytes]]:
    """Open a file for reading bytes, decompressed as `packed` says (`gz`, `bz2`, `xz`, `zip`, or nothing).

    Reading raises DataError where the compressed bytes are damaged or end early, or where more comes out than is safe:
    over 8 GiB, or over 100 times the size of the file.

    Raises:
        DataError: The file cannot be opened, or a zip does not hold exactly one file.
    """
    with ExitStack() as stack:
        try:
            source = _opened(path, packed, stack)
        except DAMAGED as error:
            raise DataError(f"{path}: is damaged or incomplete: {error}") from None
        if packed:
            source = io.BufferedReader(Unpacked(source, path), 1 << 20)
        yield source


def _opened(path: Path, packed: str, stack: ExitStack) -> IO[bytes]:
    if packed == "gz":
        return cast(IO[bytes], stack.enter_context(gzip.open(path, "rb")))
    if packed == "bz2":
        return stack.enter_context(bz2.open(path, "rb"))
    if packed == "xz":
        return stack.enter_context(lzma.open(path, "rb"))
    if packed != "zip":
        return stack.enter_context(path.open("rb"))
    archive = stack.enter_context(zipfile.ZipFile(path))
    members = [entry for entry in archive.infolist() if not entry.is_dir() and not _is_foreign(entry.filename)]
    if len(members) != 1:
        names = ", ".join(repr(entry.filename) for entry in members[:5])
        raise DataError(f"{path}: holds {len(members):,} files ({names or 'none'}); a zipped table holds exactly one")
    return stack.enter_context(archive.open(members[0]))


class Unpacked(io.RawIOBase):
    """Bytes that come out of a compressed file, counted.

    Args:
        source: The decompressed bytes.
        path: The compressed file.
    """

    def __init__(self, source: IO[bytes], path: Path) -> None:
        super().__init__()
        self._source, self._path = source, path
        self._size, self._total = path.stat().st_size, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            found = self._source.read(len(buffer))
        except DAMAGED as error:
            raise DataError(f"{self._path}: is damaged or incomplete: {error}; fetch it again") from None
        self._total += len(found)
        _check_size(self._path, self._total, self._size)
        buffer[: len(found)] = found
        return len(found)


def _check_size(path: Path, total: int, size: int) -> None:
    if total > MAX_UNPACKED or total > max(FREE, MAX_RATIO * size):
        raise DataError(
            f"{path}: unpacks to more than {MAX_RATIO} times its size or {MAX_UNPACKED >> 30} GiB; if it can be trusted, "
            "unpack it and give the file inside"
        )


def _is_workbook(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except DAMAGED:
        return False


def _is_foreign(name: str) -> bool:
    """Return whether macOS or Windows put a file into an archive by itself."""
    return name.startswith("__MACOSX/") or name.rsplit("/", 1)[-1] in (".DS_Store", "Thumbs.db", "desktop.ini")
