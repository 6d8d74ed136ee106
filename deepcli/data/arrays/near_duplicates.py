"""Finds equal and nearly equal pictures: the same photo, stored again in another format, quality or size."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

SMALLEST = 32
"""Smaller pictures are only compared exactly: too many different ones look alike in a few pixels."""
MOST_BITS = 3
BANDS = 4
"""Hashes that differ in fewer bits than there are bands are equal in one band at least."""
WINDOW = 64
"""Neighbours that a picture is compared with among those of an equal band, so that the work grows with their number."""
CONTRAST = 8.0
CLOSE, CLOSEST = 4.0, 32
"""Greatest mean and single difference between thumbnails, of 255 levels."""
SIDE = 16
CHUNK = 256


class SimilarPair(NamedTuple):
    """Two pictures that are the same or nearly so, `first` before `second`; `equal` if their pixels are."""

    first: int
    second: int
    equal: bool


def near_duplicates(images: np.ndarray) -> list[SimilarPair]:
    """Find pairs of equal and of nearly equal pictures; a group of equal ones is paired with its first.

    A difference hash of 64 bits finds candidates (difference hash: https://www.hackerfactor.com/blog/?/archives/529), and
    thumbnails of both decide. Pictures without contrast are only compared exactly.

    Args:
        images: uint8 (n, height, width, channels); may be mapped into memory, and is read once.
    """
    count, height, width = images.shape[:3]
    large = min(height, width) >= SMALLEST
    thumbnails = np.zeros((count if large else 0, SIDE, SIDE), np.float32)
    hashes = np.zeros(len(thumbnails), np.uint64)
    seen: dict[bytes, int] = {}
    pairs: list[SimilarPair] = []
    for start in range(0, count, CHUNK):
        rows = np.ascontiguousarray(images[start : start + CHUNK])
        for place, row in enumerate(rows, start):
            first = seen.setdefault(hashlib.sha256(row.data).digest(), place)
            if first != place:
                pairs.append(SimilarPair(first, place, True))
        if large:
            grey = rows.mean(axis=-1, dtype=np.float32)
            thumbnails[start : start + CHUNK] = _reduced(grey, SIDE, SIDE)
            hashes[start : start + CHUNK] = _hashes(grey)
    single = np.fromiter(seen.values(), np.int64, len(seen))
    if large:
        single = single[thumbnails[single].std(axis=(1, 2)) >= CONTRAST]
        pairs += _near(single, hashes[single], thumbnails[single])
    return sorted(pairs)


def _reduced(grey: np.ndarray, height: int, width: int) -> np.ndarray:
    """Average blocks of pictures, (n, height, width)."""
    for axis, size in ((1, height), (2, width)):
        edges = np.arange(size) * grey.shape[axis] // size
        lengths = np.diff([*edges, grey.shape[axis]])
        grey = np.add.reduceat(grey, edges, axis=axis) / lengths.reshape([-1 if n == axis else 1 for n in range(3)])
    return grey


def _hashes(grey: np.ndarray) -> np.ndarray:
    """Return for each picture 64 bits: whether each block of 8 x 9 is darker than the next in its row."""
    blocks = _reduced(grey, 8, 9)
    bits = np.packbits((blocks[:, :, 1:] > blocks[:, :, :-1]).reshape(len(grey), 64), axis=1)
    return np.ascontiguousarray(bits).view(np.uint64)[:, 0]


def _near(places: np.ndarray, hashes: np.ndarray, thumbnails: np.ndarray) -> list[SimilarPair]:
    found: set[tuple[int, int]] = set()
    for left, right in _candidates(hashes):
        close = np.bitwise_count(hashes[left] ^ hashes[right]) <= MOST_BITS
        left, right = left[close], right[close]
        apart = np.abs(thumbnails[left] - thumbnails[right])
        same = (apart.mean(axis=(1, 2)) <= CLOSE) & (apart.max(axis=(1, 2)) <= CLOSEST)
        ends = np.sort(np.stack([places[left[same]], places[right[same]]], axis=1), axis=1)
        found.update((first, second) for first, second in ends.tolist())
    return [SimilarPair(first, second, False) for first, second in found]


def _candidates(hashes: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Give pairs of hashes that agree in a band, each pair of the same neighbourhood once per band."""
    width = 64 // BANDS
    for band in range(BANDS):
        part = (hashes >> np.uint64(band * width)) & np.uint64((1 << width) - 1)
        order = np.lexsort((hashes, part))
        sorted_part = part[order]
        for step in range(1, min(WINDOW, len(order) - 1) + 1):
            equal = sorted_part[step:] == sorted_part[:-step]
            if not equal.any():
                break
            yield order[:-step][equal], order[step:][equal]
