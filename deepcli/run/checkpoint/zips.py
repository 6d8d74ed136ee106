"""Zip files from outside: what `zipfile` would take on trust is compared with the bytes that are there, before it does."""

from __future__ import annotations

import stat
import struct
import zipfile
from typing import IO

_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCAL = struct.Struct("<4s22x2H")
_ENCRYPTED, _PATCHED = 0x2041, 0x20
_DOS_DIRECTORY = 0x10


def check_end(stream: IO[bytes], size: int, entries: int, directory: int) -> None:
    """Compare the end of a zip file with what Python's own writer puts there.

    `zipfile` reads as large a directory as the file claims to have, and makes an object of each entry.

    Args:
        stream: The file.
        size: How many bytes it has.
        entries: How many members it may list.
        directory: How many bytes that list may take.

    Raises:
        ValueError: It does not begin or end as a zip file does, or lists more than it may.
    """
    stream.seek(0)
    if stream.read(4) != b"PK\3\4":
        raise ValueError("it does not begin as a zip file does")
    large = _LOCATOR.size + _END64.size
    stream.seek(max(size - large - _END.size, 0))
    tail = stream.read(large + _END.size)
    if tail[-_END.size :][:4] != b"PK\5\6" or len(tail) < _END.size:
        raise ValueError("it does not end as a zip file does; it may be cut short, or have something after its end")
    _, disk, first_disk, here, total, length, offset, comment = _END.unpack(tail[-_END.size :])
    end = size - _END.size
    locator = tail[-_END.size - _LOCATOR.size : -_END.size]
    if locator[:4] == b"PK\6\7" and len(tail) == large + _END.size:
        end = size - len(tail)
        if _LOCATOR.unpack(locator)[1:] != (0, end, 1):
            raise ValueError("its parts do not lie where it says")
        signature, _, _, _, disk, first_disk, here, total, length, offset = _END64.unpack(tail[: _END64.size])
        if signature != b"PK\6\6":
            raise ValueError("its parts do not lie where it says")
    if disk or first_disk or comment or here != total or offset + length != end:
        raise ValueError("its parts do not lie where it says")
    if total > entries or length > directory:
        raise ValueError(f"it lists {total} members in {length} bytes; at most {entries} in {directory} are read")


def check_member(info: zipfile.ZipInfo, size: int, *, stored: bool) -> None:
    """See that a member is a plain file whose bytes lie inside the zip file.

    Args:
        info: The member.
        size: How many bytes the zip file has.
        stored: Whether it must be there as it is; if not, it may be deflated.

    Raises:
        ValueError: It is a link, a folder or a device, is encrypted, or claims more than there is.
    """
    name, mode = info.filename, info.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG) or mode & 0o7000 or info.external_attr & _DOS_DIRECTORY:
        raise ValueError(f"{name} is no plain file")
    if info.flag_bits & (_ENCRYPTED | _PATCHED):
        raise ValueError(f"{name} is encrypted")
    if info.compress_type != zipfile.ZIP_STORED and (stored or info.compress_type != zipfile.ZIP_DEFLATED):
        raise ValueError(f"{name} is compressed, and nobody writes it so")
    if info.compress_type == zipfile.ZIP_STORED and info.file_size != info.compress_size:
        raise ValueError(f"{name} claims to be of two sizes")
    if info.header_offset < 0 or info.header_offset + info.compress_size > size:
        raise ValueError(f"{name} claims more bytes than there are")


def read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int) -> bytes:
    """Read a member whole, its checksum compared, and stop where it is longer than it may be.

    Raises:
        ValueError: It is longer, or not as long as it claims.
        zipfile.BadZipFile: It is damaged.
    """
    if info.file_size > limit:
        raise ValueError(f"{info.filename} claims {info.file_size} bytes; at most {limit} are read")
    with archive.open(info) as stream:
        content = stream.read(info.file_size + 1)
    if len(content) != info.file_size:
        raise ValueError(f"{info.filename} is cut short")
    return content


def stored_at(archive: zipfile.ZipFile, stream: IO[bytes], info: zipfile.ZipInfo) -> int:
    """Tell where in the file the bytes of a stored member begin.

    Raises:
        ValueError: They would not lie inside the file.
        zipfile.BadZipFile: The member's own header is not that of the directory.
    """
    archive.open(info).close()  # compares the two headers
    stream.seek(info.header_offset)
    _, name, extra = _LOCAL.unpack(stream.read(_LOCAL.size))
    start = info.header_offset + _LOCAL.size + name + extra
    if start + info.file_size > stream.seek(0, 2):
        raise ValueError(f"{info.filename} claims more bytes than there are")
    return int(start)
