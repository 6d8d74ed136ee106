"""Check zip files from untrusted sources before `zipfile` reads them: sizes, offsets and types must be consistent."""

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
    """Check that a zip file ends as Python's `zipfile` writes it, with a directory of limited size.

    `zipfile` would read a directory of any size that the file declares, and create an object for each entry.

    Args:
        stream: The file.
        size: Its size in bytes.
        entries: The maximum number of members.
        directory: The maximum size of the directory in bytes.

    Raises:
        ValueError: The file is not a zip file, is truncated, or has too many members.
    """
    stream.seek(0)
    if stream.read(4) != b"PK\3\4":
        raise ValueError("not a zip file")
    large = _LOCATOR.size + _END64.size
    stream.seek(max(size - large - _END.size, 0))
    tail = stream.read(large + _END.size)
    if tail[-_END.size :][:4] != b"PK\5\6" or len(tail) < _END.size:
        raise ValueError("the end of the zip file is missing; it is truncated, or has data after its end")
    _, disk, first_disk, here, total, length, offset, comment = _END.unpack(tail[-_END.size :])
    end = size - _END.size
    locator = tail[-_END.size - _LOCATOR.size : -_END.size]
    if locator[:4] == b"PK\6\7" and len(tail) == large + _END.size:
        end = size - len(tail)
        if _LOCATOR.unpack(locator)[1:] != (0, end, 1):
            raise ValueError("its zip directory is inconsistent")
        signature, _, _, _, disk, first_disk, here, total, length, offset = _END64.unpack(tail[: _END64.size])
        if signature != b"PK\6\6":
            raise ValueError("its zip directory is inconsistent")
    if disk or first_disk or comment or here != total or offset + length != end:
        raise ValueError("its zip directory is inconsistent")
    if total > entries or length > directory:
        raise ValueError(f"it lists {total} members in {length} bytes; at most {entries} in {directory} are allowed")


def check_member(info: zipfile.ZipInfo, size: int, *, stored: bool) -> None:
    """Check that a member is a regular file whose bytes are inside the zip file.

    Args:
        info: The member.
        size: The size of the zip file in bytes.
        stored: Whether it must be uncompressed; otherwise it may be deflated.

    Raises:
        ValueError: The member is a link, a folder or a device, is encrypted, or declares a wrong size.
    """
    name, mode = info.filename, info.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG) or mode & 0o7000 or info.external_attr & _DOS_DIRECTORY:
        raise ValueError(f"{name} is not a regular file")
    if info.flag_bits & (_ENCRYPTED | _PATCHED):
        raise ValueError(f"{name} is encrypted")
    if info.compress_type != zipfile.ZIP_STORED and (stored or info.compress_type != zipfile.ZIP_DEFLATED):
        raise ValueError(f"{name} is compressed in an unexpected way")
    if info.compress_type == zipfile.ZIP_STORED and info.file_size != info.compress_size:
        raise ValueError(f"{name} declares two different sizes")
    if info.header_offset < 0 or info.header_offset + info.compress_size > size:
        raise ValueError(f"{name} declares more bytes than the file has")


def read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int) -> bytes:
    """Read a member completely, verify its checksum, and reject one that is too long.

    Raises:
        ValueError: The member is too long, or shorter than declared.
        zipfile.BadZipFile: The member is damaged.
    """
    if info.file_size > limit:
        raise ValueError(f"{info.filename} declares {info.file_size} bytes; at most {limit} are allowed")
    with archive.open(info) as stream:
        content = stream.read(info.file_size + 1)
    if len(content) != info.file_size:
        raise ValueError(f"{info.filename} is truncated")
    return content


def stored_at(archive: zipfile.ZipFile, stream: IO[bytes], info: zipfile.ZipInfo) -> int:
    """Return the offset of a stored member's data in the file.

    Raises:
        ValueError: The data would not be inside the file.
        zipfile.BadZipFile: The member's header differs from its directory entry.
    """
    archive.open(info).close()  # compares the two headers
    stream.seek(info.header_offset)
    _, name, extra = _LOCAL.unpack(stream.read(_LOCAL.size))
    start = info.header_offset + _LOCAL.size + name + extra
    if start + info.file_size > stream.seek(0, 2):
        raise ValueError(f"{info.filename} declares more bytes than the file has")
    return int(start)
