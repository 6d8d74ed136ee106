"""Decodes many pictures on all cores, in order, with a bounded number of them in memory."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from deepcli.data.arrays.decoding import decode_content, quietly, read_file
from deepcli.data.arrays.fitting import MissingPicture, PictureError, Resize
from deepcli.data.arrays.quick_jpeg import quick_jpeg
from deepcli.data.sources.naming import printable
from deepcli.data.sources.picture_folders import Picture
from deepcli.errors import DataError
from deepcli.system.cores import cores

BATCH_BYTES = 1 << 20
BATCH = 32
"""Pictures that a thread decodes before it gives them to the writer, if they are small."""


class PictureResult(NamedTuple):
    """What decoding one picture gave besides its pixels.

    Attributes:
        digest: SHA-256 of the file's content; empty if it cannot be read.
        why: Why it cannot be decoded; None if it can.
        notes: What is peculiar about it.
    """

    digest: bytes
    why: str | None
    notes: list[str]


Batch = tuple[np.ndarray, list[PictureResult]]


def decoded_batches(
    folder: Path, pictures: Sequence[Picture], shape: tuple[int, int, int], resize: Resize
) -> Generator[Batch]:
    """Decode pictures in order.

    Returns:
        Batches: uint8 (readable pictures, height, width, channels), and a result for each picture, readable or not.

    Raises:
        DataError: A picture has changed since it was listed, or changes while it is read.
    """
    step = min(BATCH, max(1, BATCH_BYTES // int(np.prod(shape))))
    workers = cores()
    waiting: deque[Future[Batch]] = deque()
    # Threads, not processes: pictures are decoded outside the interpreter's lock, and nothing has to be copied or started.
    with quietly(), ThreadPoolExecutor(workers) as pool:
        try:
            for start in range(0, len(pictures), step):
                waiting.append(pool.submit(_batch, folder, pictures[start : start + step], shape, resize))
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _batch(folder: Path, pictures: Sequence[Picture], shape: tuple[int, int, int], resize: Resize) -> Batch:
    images = np.empty((len(pictures), *shape), np.uint8)
    results, rows = [], 0
    for picture in pictures:
        notes: list[str] = []
        try:
            content = _unchanged(folder, picture)
            pixels = quick_jpeg(content, shape[:2], shape[2], resize)
            images[rows] = decode_content(content, shape[:2], shape[2], resize, notes) if pixels is None else pixels
        except PictureError as error:
            results.append(PictureResult(b"", str(error), []))
            continue
        results.append(PictureResult(hashlib.sha256(content).digest(), None, notes))
        rows += 1
    return images[:rows], results


def _unchanged(folder: Path, picture: Picture) -> bytes:
    """Read a file that is as it was when it was listed, and still so after it was read."""
    path = os.path.join(folder, picture.name)  # noqa: PTH118
    remedy = "since the folder was listed; run the command again when nothing writes to it"
    try:
        content, *stats = read_file(path)
    except MissingPicture:
        raise DataError(f"{printable(path)}: was deleted {remedy}") from None
    if any((one.st_size, one.st_mtime_ns) != (picture.size, picture.mtime_ns) for one in stats):
        raise DataError(f"{printable(path)}: changed {remedy}")
    return content
