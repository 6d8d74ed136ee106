"""The file of decoded pictures in the cache: a header, the pixels one picture after another, and what is known of each.

The header is one block of bytes: the SHA-256 of a line of JSON, then that line. It holds the shape of the pixels, their
SHA-256, and the place and the SHA-256 of the last part, which is JSON too. Nothing in a file is ever executed.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from deepcli.data.arrays.mapped_files import map_array

HEADER = 4096
MAX_TAIL = 1 << 30
DAMAGE = (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError)
"""What reading a damaged file may raise."""
PIECE = 1 << 22


class PictureEntry(NamedTuple):
    """What a file of decoded pictures holds.

    Attributes:
        images: uint8 (readable pictures, height, width, channels), mapped into memory, read-only.
        sha256: SHA-256 of the pixels.
        about: Plain values that were written with it.
    """

    images: np.memmap[Any, np.dtype[np.uint8]]
    sha256: str
    about: dict[str, Any]


class EntryWriter:
    """Writes the file of decoded pictures.

    Args:
        out: An empty file that is open for writing.
        shape: (height, width, channels) of a picture.
    """

    def __init__(self, out: IO[bytes], shape: tuple[int, int, int]) -> None:
        self._out, self._shape = out, shape
        self._rows, self._digest = 0, hashlib.sha256()
        out.write(bytes(HEADER))

    def add(self, images: np.ndarray) -> None:
        """Append pictures, uint8 (count, height, width, channels).

        Written, not mapped: a disk that fills up under mapped memory ends the process.
        """
        content = np.ascontiguousarray(images).ravel().data
        self._out.write(content)
        self._digest.update(content)
        self._rows += len(images)

    def finish(self, about: dict[str, Any]) -> None:
        """Write what is known of the pictures, and the header."""
        tail = json.dumps(about).encode("ascii")
        header = {
            "shape": [self._rows, *self._shape],
            "sha256": self._digest.hexdigest(),
            "tail": len(tail),
            "tail_sha256": hashlib.sha256(tail).hexdigest(),
        }
        line = json.dumps(header).encode("ascii")
        self._out.write(tail)
        self._out.seek(0)
        self._out.write(hashlib.sha256(line).hexdigest().encode("ascii") + b"\n" + line + b"\n")
        self._out.flush()


def read_entry(path: Path, shape: tuple[int, int, int]) -> PictureEntry:
    """Map the pictures of a file into memory, after a quick check of everything but the pixels.

    Raises:
        ValueError: The file is damaged or of other pictures. The other exceptions in DAMAGE are possible too.
    """
    with path.open("rb") as file:
        digest, line, _ = file.read(HEADER).split(b"\n", 2)
        _demand(hashlib.sha256(line).hexdigest().encode("ascii") == digest)
        header = json.loads(line)
        count, *rest = header["shape"]
        end = HEADER + count * int(np.prod(shape))
        _demand(tuple(rest) == shape and 0 <= header["tail"] <= MAX_TAIL)
        _demand(file.seek(0, 2) == end + header["tail"])
        file.seek(end)
        tail = file.read()
        _demand(hashlib.sha256(tail).hexdigest() == header["tail_sha256"])
        # Mapped from the open file: its name may be deleted or replaced meanwhile.
        images = map_array(file, path, np.uint8, HEADER, (count, *shape))
    return PictureEntry(images, header["sha256"], json.loads(tail))


def pixels_are_whole(entry: PictureEntry) -> bool:
    """Compare all pixels with their SHA-256."""
    digest, flat = hashlib.sha256(), entry.images.reshape(-1)
    for start in range(0, len(flat), PIECE):
        digest.update(flat[start : start + PIECE].data)
    return digest.hexdigest() == entry.sha256


def _demand(holds: bool) -> None:
    if not holds:
        raise ValueError("a file of decoded pictures is damaged")
