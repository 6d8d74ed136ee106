"""Leaves out what JPEG files say besides the picture: reading it takes Pillow longer than decoding a small picture.

The text of this file may be part of scripts beside exported models, so it imports only the standard library.
"""

from __future__ import annotations

import struct

START, SCAN, APP1, KEPT_APPS = 0xD8, 0xDA, 0xE1, (0xE0, 0xEE)
"""Markers: the start of a file, of its pixels, of EXIF and XMP; of what says how colours are stored."""
COMMENT = 0xFE
XMP_ORIENTATION = b"Orientation"


def lean(content: bytes) -> tuple[bytes, int | None]:
    """Return a JPEG file without metadata, thumbnails and profiles, and its EXIF orientation.

    Anything unusual returns the content as it is and None, so that Pillow's own reading decides.
    """
    if content[:3] != b"\xff\xd8\xff":
        return content, None
    kept, place, turn = [content[:2]], 2, 1
    seen = False
    try:
        while content[place] == 0xFF and content[place + 1] != SCAN:
            marker = content[place + 1]
            end = place + 2 + int.from_bytes(content[place + 2 : place + 4])
            segment = content[place:end]
            if end < place + 4 or len(segment) < end - place or marker in (0x00, 0x01, 0xFF) or 0xD0 <= marker <= 0xD9:
                return content, None
            if marker == APP1:
                if segment[4:10] == b"Exif\0\0":
                    if seen:
                        return content, None
                    seen, turn = True, _orientation(segment[10:])
                elif XMP_ORIENTATION in segment:
                    return content, None
            elif marker in KEPT_APPS or not (0xE0 <= marker <= 0xEF or marker == COMMENT):
                kept.append(segment)
            place = end
    except (IndexError, struct.error, ValueError):
        return content, None
    if content[place] != 0xFF:
        return content, None
    kept.append(content[place:])
    return b"".join(kept), turn


def _orientation(exif: bytes) -> int:
    """Read the orientation from the first folder of EXIF data.

    Raises:
        ValueError: It is not as it should be; struct.error is possible too.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        raise ValueError("not EXIF data")
    (start,) = struct.unpack_from(f"{order}I", exif, 4)
    (count,) = struct.unpack_from(f"{order}H", exif, start)
    for index in range(count):
        tag, kind, values, value = struct.unpack_from(f"{order}HHIH", exif, start + 2 + 12 * index)
        if tag == 0x0112:
            if kind != 3 or values != 1:
                raise ValueError("an orientation of another type")
            return int(value)
    return 1
