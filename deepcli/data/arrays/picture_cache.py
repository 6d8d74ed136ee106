"""Decoded pictures in a file that is mapped into memory, made once on all cores and shared between processes.

An entry of the cache is never changed. It is written under a temporary name, flushed to disk and renamed, so that a
killed process leaves nothing that is taken for whole. Its name depends on the names, sizes and times of the files.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import simplejpeg

from deepcli.data.arrays.fitting import ANIMATION, DARK, PAGES, Resize
from deepcli.data.arrays.picture_entry import DAMAGE, EntryWriter, PictureEntry, pixels_are_whole, read_entry
from deepcli.data.arrays.picture_threads import decoded_batches
from deepcli.data.cache_room import full, make_room
from deepcli.data.locking import alone
from deepcli.data.sources.findings import Finding, Severity
from deepcli.data.sources.naming import printable
from deepcli.data.sources.picture_files import some
from deepcli.data.sources.picture_folders import Picture
from deepcli.errors import DataError, TrainingError
from deepcli.system.atomic import replacing
from deepcli.system.reach import Counting

SUFFIX = ".v1.pictures"
"""Suffix of an entry's name; its version changes with the layout and with what decoding does."""
KEEP_SECONDS = 600
"""Entries used in this time stay, so that what was just made is not deleted before it is opened."""
NOTES = {
    ANIMATION: "animations; only the first frame is used",
    PAGES: "files with several pages; only the first page is used",
    DARK: "16-bit pictures whose values are below 4096, so that they are nearly black; scale them to 0 to 65535",
}


@dataclass(frozen=True)
class DecodedPictures:
    """The pictures that can be read, decoded to one size.

    Attributes:
        images: uint8 (readable pictures, height, width, channels), mapped into memory, read-only.
        indices: int64; `images[i]` is the picture at `indices[i]` of those that were asked for.
        digests: SHA-256 of the content of each readable file, in the order of `images`.
        unreadable: Names of the others, each with the reason.
        notes: Pictures by what is peculiar about them: indices of what was asked for.
    """

    images: np.memmap[Any, np.dtype[np.uint8]]
    indices: np.ndarray
    digests: list[bytes]
    unreadable: list[tuple[str, str]]
    notes: dict[str, list[int]]

    def findings(self, pictures: Sequence[Picture]) -> list[Finding]:
        """Describe what cannot be read, each picture by its name, and what is peculiar.

        Args:
            pictures: The pictures that were asked for.
        """
        found = [Finding("unreadable", "error", printable(name), f"{why}; left out") for name, why in self.unreadable]
        for code, places in self.notes.items():
            names = [pictures[place].name for place in places]
            severity: Severity = "warning" if code == DARK else "note"
            found.append(Finding(code, severity, printable(names[0]), f"{len(names)} {NOTES[code]}: {some(names)}"))
        return found


def decoded(
    folder: Path,
    pictures: Sequence[Picture],
    size: tuple[int, int],
    channels: int,
    resize: Resize,
    cache_folder: Path,
    progress: Counting | None = None,
    verify: bool = False,
) -> DecodedPictures:
    """Open the decoded pictures in the cache, or decode them into it.

    Args:
        folder: Where the pictures are.
        pictures: What to decode, in order.
        size: (height, width).
        channels: 1 for grey, 3 for colours.
        resize: How a picture is brought to the size.
        cache_folder: deepcli's cache.
        progress: Called with ("pictures", number decoded, number of all).
        verify: Whether to compare the pixels in the cache with their checksum, which reads them all.

    Raises:
        DataError: A picture changes while it is read, none can be read, or the cache cannot be written.
    """
    shape = (*size, channels)
    entry = cache_folder / "pictures" / f"{_key(pictures, shape, resize)}{SUFFIX}"
    found = opened_or_made(
        entry,
        shape,
        len(pictures),
        lambda writer: _decode_into(writer, folder, pictures, shape, resize, progress),
        cache_folder,
        verify,
    )
    return _described(found, pictures)


def opened_or_made(
    entry: Path,
    shape: tuple[int, int, int],
    count: int,
    write: Callable[[EntryWriter], dict[str, Any]],
    cache_folder: Path,
    verify: bool = False,
) -> PictureEntry:
    """Open an entry of the cache, or make it.

    Args:
        entry: Its file.
        shape: (height, width, channels) of a picture.
        count: Number of pictures, readable or not.
        write: Writes the readable ones, and returns what is known of all, among it `digests` and `unreadable`.
        cache_folder: deepcli's cache.
        verify: Whether to compare the pixels with their checksum.

    Raises:
        DataError: The cache cannot be written, or `write` fails.
    """
    found = _opened(entry, shape, count, verify)
    if found is None:
        with alone(entry, cache_folder):
            found = _opened(entry, shape, count, verify)  # another process may have made it meanwhile
            if found is None:
                _make(entry, count, shape, write)
                found = _opened(entry, shape, count, False)
    if found is None:
        raise DataError(f"{entry.parent}: the cache was changed while it was written; run the command again")
    return found


def _key(pictures: Sequence[Picture], shape: tuple[int, int, int], resize: Resize) -> str:
    # Not the folder's own name: a folder that was moved keeps its entry. Other versions of decoders may decode otherwise.
    digest = hashlib.sha256(f"{shape} {resize} {PIL.__version__} {simplejpeg.__version__}".encode())
    for one in pictures:
        digest.update(os.fsencode(one.name))
        digest.update(f"\0{one.size} {one.mtime_ns} {one.ctime_ns}\0".encode())
    return digest.hexdigest()[:40]


def _opened(path: Path, shape: tuple[int, int, int], count: int, verify: bool) -> PictureEntry | None:
    """Return an entry that is whole; None if there is none."""
    try:
        entry = read_entry(path, shape)
        if len(entry.images) + len(entry.about["unreadable"]) != count:
            return None
        if verify and not pixels_are_whole(entry):
            return None
    except DAMAGE:
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # the least recently used entries are deleted first
    return entry


def _described(entry: PictureEntry, pictures: Sequence[Picture]) -> DecodedPictures:
    left_out: dict[int, str] = dict(entry.about["unreadable"])
    indices = np.delete(np.arange(len(pictures)), [*left_out])
    digests = digests_of(entry)
    unreadable = [(pictures[place].name, why) for place, why in left_out.items()]
    return DecodedPictures(entry.images, indices, digests, unreadable, entry.about["notes"])


def digests_of(entry: PictureEntry) -> list[bytes]:
    """Return the SHA-256 of the content of each readable picture."""
    joined = bytes.fromhex(entry.about["digests"])
    return [joined[start : start + 32] for start in range(0, len(joined), 32)]


def _make(entry: Path, count: int, shape: tuple[int, int, int], write: Callable[[EntryWriter], dict[str, Any]]) -> None:
    """Decode pictures into a new entry."""
    needed = count * (int(np.prod(shape)) + 70)
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        make_room(entry.parent, needed, KEEP_SECONDS)
        if needed > shutil.disk_usage(entry.parent).free:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        with replacing(entry) as temporary, temporary.open("wb") as out:
            writer = EntryWriter(out, shape)
            writer.finish(write(writer))
    except OSError as error:
        raise DataError(full(entry.parent, error, needed)) from None
    except TrainingError as error:
        if isinstance(error.__cause__, OSError):
            raise DataError(full(entry.parent, error.__cause__, needed)) from None
        raise


def _decode_into(
    writer: EntryWriter,
    folder: Path,
    pictures: Sequence[Picture],
    shape: tuple[int, int, int],
    resize: Resize,
    progress: Counting | None,
) -> dict[str, Any]:
    digests: list[bytes] = []
    unreadable: list[tuple[int, str]] = []
    notes: dict[str, list[int]] = defaultdict(list)
    place = 0
    with contextlib.closing(decoded_batches(folder, pictures, shape, resize)) as batches:
        for images, results in batches:
            writer.add(images)
            for result in results:
                if result.why is None:
                    digests.append(result.digest)
                else:
                    unreadable.append((place, result.why))
                for note in result.notes:
                    notes[note].append(place)
                place += 1
            if progress is not None:
                progress("pictures", place, len(pictures))
    if not digests:
        name, why = pictures[unreadable[0][0]].name, unreadable[0][1]
        raise DataError(f"{printable(str(folder))}: none of its pictures can be read; {printable(name)}: {why}")
    return {"digests": b"".join(digests).hex(), "unreadable": unreadable, "notes": notes}
