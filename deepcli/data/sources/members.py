"""Goes through the files of a zip or tar archive that may be hostile: names, kinds and sizes are checked first."""

from __future__ import annotations

import bz2
import contextlib
import functools
import gzip
import lzma
import os
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any, NamedTuple

from deepcli.data.sources.naming import printable

MOST_BYTES = 64 << 30
MOST_FILES = 2_000_000
MOST_RATIO = 100
SMALL = 16 << 20
"""An archive may always unpack to this: a few plain pictures are compressed a thousand times."""
MOST_AT_ONCE = 16 << 20
"""Bytes that are read at once at most; headers of a tar file are read whole."""
DAMAGE = (
    OSError, EOFError, ValueError, RuntimeError, OverflowError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError
)  # fmt: skip
"""What Python raises for damaged archives."""
DRIVE = re.compile(r"[A-Za-z]:/")
RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")


class UnsafeArchive(Exception):
    """An archive is damaged or hostile; the message says why."""


class Member(NamedTuple):
    """A plain file in an archive: its place below the folder, and what reads its content."""

    parts: tuple[str, ...]
    read: Callable[[int], bytes]


@dataclass
class Limits:
    """What an archive may unpack to.

    Attributes:
        packed: Bytes of the archive.
        total: Bytes that its files may have together.
        room: Bytes that are free.
    """

    packed: int
    total: int
    room: int

    @classmethod
    def of(cls, packed: int, room: int) -> Limits:
        """Return the limits for an archive of `packed` bytes."""
        return cls(packed, min(MOST_BYTES, max(SMALL, packed * MOST_RATIO)), room)

    def check(self, size: int, files: int) -> None:
        """Check what has been counted so far.

        Raises:
            UnsafeArchive: It is too much.
        """
        if files > MOST_FILES:
            raise UnsafeArchive(f"contains more than {MOST_FILES:,} files")
        if size > self.total:
            raise UnsafeArchive(
                f"would unpack to more than {self.total / (1 << 20):,.0f} MiB, which is suspicious for an archive of "
                f"{self.packed:,} bytes; unpack it yourself if you trust it"
            )
        if size > self.room:
            raise UnsafeArchive(
                f"needs {size / (1 << 20):,.0f} MiB and more in the cache, but only {self.room / (1 << 20):,.0f} MiB are "
                "free; set DEEPCLI_CACHE_DIR to a folder on a larger disk"
            )


def members(file: IO[bytes], limits: Limits) -> Iterator[Member]:
    """Give the files of an archive, in order; each must be read before the next is asked for.

    Raises:
        UnsafeArchive: It is damaged, encrypted or too large, or holds links, devices, or names that lead out.
    """
    with _blaming():
        file.seek(0)
        start = file.read(8)
        file.seek(0)
        for member in _of_zip(file, limits) if start.startswith(b"PK") else _of_tar(file, start, limits):
            yield Member(member.parts, functools.partial(_read, member))


def _read(member: Member, size: int) -> bytes:
    with _blaming():
        return member.read(size)


@contextlib.contextmanager
def _blaming() -> Iterator[None]:
    """Turn what Python raises for a damaged archive into UnsafeArchive."""
    try:
        yield
    except NotImplementedError as error:
        raise UnsafeArchive(f"cannot be unpacked: {error}; pack it again as an ordinary zip file") from None
    except RecursionError:
        raise UnsafeArchive("is damaged: its headers are nested without end") from None
    except DAMAGE as error:
        raise UnsafeArchive(f"is damaged or not a zip or tar archive: {error}") from None


def _of_zip(file: IO[bytes], limits: Limits) -> Iterator[Member]:
    with zipfile.ZipFile(file) as archive:
        infos = [info for info in archive.infolist() if not info.filename.endswith(("/", "\\"))]
        # Nothing is read beyond the sizes declared here, so they can be judged before anything is written.
        limits.check(sum(info.file_size for info in infos), len(infos))
        for info in infos:
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG):
                raise UnsafeArchive(_not_plain(info.filename, "a link" if kind == stat.S_IFLNK else "a device"))
            if info.flag_bits & 1:
                raise UnsafeArchive("is encrypted; unpack it yourself and give the folder")
            # Some programs for Windows separate folders in their own way.
            if parts := _safe(info.filename.replace("\\", "/")):
                with archive.open(info) as content:
                    yield Member(parts, content.read)


def _of_tar(file: IO[bytes], start: bytes, limits: Limits) -> Iterator[Member]:
    size = files = 0
    with _decompressed(file, start) as stream:
        guarded = _Guarded(stream, limits)
        with tarfile.open(fileobj=guarded, mode="r:") as archive:  # type: ignore[call-overload]
            while (member := archive.next()) is not None:
                archive.members = []  # otherwise all headers stay in memory
                files += 1
                size += 0 if member.isdir() else member.size
                limits.check(size, files)
                if member.isdir():
                    continue
                if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
                    kind = "a link" if member.issym() or member.islnk() else "a device or sparse file"
                    raise UnsafeArchive(_not_plain(member.name, kind))
                if parts := _safe(member.name):
                    yield Member(parts, archive.extractfile(member).read)
        guarded.finish()


def _decompressed(file: IO[bytes], start: bytes) -> contextlib.AbstractContextManager[IO[bytes]]:
    openers: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
    opener = next((openers[sign] for sign in openers if start.startswith(sign)), None)
    return opener(file) if opener else contextlib.nullcontext(file)


def _not_plain(name: str, kind: str) -> str:
    return (
        f"contains {kind}, {printable(name)}; only plain files are unpacked; pack it with the files that links point to "
        "(tar --dereference --hard-dereference), or unpack it yourself"
    )


def _safe(name: str) -> tuple[str, ...]:
    """Return the parts of a member's name; empty for what systems leave in archives.

    Raises:
        UnsafeArchive: It leads out of the folder, or cannot be a name on this system.
    """
    plain = name.replace("\\", "/") if os.name == "nt" else name
    parts = tuple(part for part in plain.split("/") if part not in ("", "."))
    bad = plain.startswith("/") or ".." in parts or "\0" in name or not parts or DRIVE.match(plain)
    if bad or (os.name == "nt" and any(":" in part or RESERVED.fullmatch(part) for part in parts)):
        raise UnsafeArchive(f"contains a name that leads out of its folder or is not allowed: {printable(name)!r}")
    return () if parts[0] == "__MACOSX" else parts


class _Guarded:
    """A stream of unpacked bytes with limits on where and how much is read, whatever a header says."""

    def __init__(self, stream: IO[bytes], limits: Limits) -> None:
        self._stream, self._limits = stream, limits
        self._most = limits.total + limits.total // 2 + SMALL  # with headers and padding
        self._place = self._reached = 0
        self._last = b""

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= MOST_AT_ONCE:
            raise UnsafeArchive("is damaged: it declares a header of impossible size")
        start = b""
        if self._last and self._place == self._reached - 1 and size:
            # tarfile goes back by one byte after each file, for which gzip would begin again.
            start = self._last[-1:]
        elif self._place != self._reached:
            self._stream.seek(self._place)
        content = start + self._stream.read(size - len(start))
        self._reached = self._place = self._place + len(content)
        self._last = content
        return content

    def seek(self, place: int) -> int:
        if place > self._most:
            self._limits.check(place, 0)
        self._place = place
        return place

    def tell(self) -> int:
        return self._place

    def finish(self) -> None:
        """Read to the end, where checksums are compared.

        Raises:
            UnsafeArchive: The archive does not end as a tar file does, so that files may be missing.
        """
        if not self._last or self._last.strip(b"\0"):
            raise UnsafeArchive("is damaged or incomplete: files are missing at its end")
        while self.read(1 << 16):
            self.seek(self.tell())
