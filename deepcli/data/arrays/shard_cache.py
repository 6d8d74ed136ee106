"""Pictures of shards, decoded into deepcli's cache once, with the target of each record.

Records of a shard are read one after another, but training takes them in an order of its own: from the cache, a batch is
gathered many times as quickly as its records could be found, read and decoded.
"""

from __future__ import annotations

import hashlib
import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import PIL
import simplejpeg
from PIL import Image

from deepcli.data.arrays.decoding import decode_content, quietly
from deepcli.data.arrays.fitting import PictureError, Resize, fitted_pixels, flat, resized
from deepcli.data.arrays.picture_cache import SUFFIX, digests_of, opened_or_made
from deepcli.data.arrays.picture_entry import EntryWriter, PictureEntry
from deepcli.data.arrays.quick_jpeg import quick_jpeg
from deepcli.data.sources.findings import Finding
from deepcli.data.sources.shards.shard_fields import Label, ShardFields, raw_shape
from deepcli.data.sources.shards.shard_files import ShardFile
from deepcli.data.sources.shards.shard_records import Record, count_records, place_in, read_records
from deepcli.errors import DataError
from deepcli.system.cores import cores
from deepcli.system.reach import Counting

VERSION = 1
"""Version of what is kept of a record; increase it when the same shards give something else."""
BATCH = 32


@dataclass(frozen=True)
class Decoding:
    """How pictures of records become arrays.

    Attributes:
        shape: (height, width, channels).
        resize: How a picture is brought to the size.
        raw: (height, width, channels) of pixels that are stored as they are; None for encoded pictures.
    """

    shape: tuple[int, int, int]
    resize: Resize
    raw: tuple[int, int, int] | None = None

    def pixels(self, content: bytes, record: Record) -> np.ndarray:
        """Return the picture of a record, uint8 (height, width, channels).

        Raises:
            PictureError: It is damaged, or of another size than pixels as they are can have.
        """
        height, width, channels = self.shape
        if self.raw is None:
            found = quick_jpeg(content, (height, width), channels, self.resize)
            return decode_content(content, (height, width), channels, self.resize, []) if found is None else found
        shape = raw_shape(record, self.raw[:2], self.raw[2], len(content))
        if shape is None:
            raise PictureError(f"has {len(content):,} bytes, which are not {'x'.join(map(str, self.raw))} pixels")
        pixels = np.frombuffer(content, np.uint8).reshape(shape)
        if shape == self.shape:
            return pixels
        image = Image.fromarray(pixels[:, :, 0] if shape[2] == 1 else pixels)
        fitted = resized(flat(image, channels, []), (width, height), self.resize)
        return fitted_pixels(fitted.convert("RGB") if channels == 3 else fitted, (height, width), channels)


@dataclass(frozen=True)
class DecodedShards:
    """The records whose pictures can be read; sequences have one entry for each.

    Attributes:
        images: uint8 (records, height, width, channels), mapped into memory, read-only.
        digests: SHA-256 of the stored content of each picture.
        targets: The value of the target's field.
        splits: The split that a field or the file's name says.
        places: The record of each, counted over all files.
        starts: The first record of each file, counted over all files.
        unreadable: Records whose pictures cannot be read, each with the reason.
        files: The files.
    """

    images: np.memmap[Any, np.dtype[np.uint8]]
    digests: list[bytes]
    targets: list[Label]
    splits: list[str | None]
    places: np.ndarray
    starts: list[int]
    unreadable: list[tuple[int, str]]
    files: Sequence[ShardFile]

    def where(self, example: int) -> str:
        """Return the file and the record of an example."""
        return self._place(int(self.places[example]))

    def _place(self, record: int) -> str:
        number = int(np.searchsorted(self.starts, record, side="right")) - 1
        return place_in(self.files[number].path, record - self.starts[number])

    def findings(self) -> list[Finding]:
        """Describe the pictures that cannot be read."""
        return [
            Finding("unreadable", "error", self._place(place), f"its picture {why}; left out")
            for place, why in self.unreadable
        ]


def decoded_shards(
    files: Sequence[ShardFile],
    fields: ShardFields,
    decoding: Decoding,
    cache_folder: Path,
    progress: Counting | None = None,
) -> DecodedShards:
    """Open the decoded pictures of shards in the cache, or decode them into it.

    Raises:
        DataError: A shard is damaged, a record lacks a field, no picture can be read, or the cache cannot be written.
    """
    entry = cache_folder / "pictures" / f"{_key(files, fields, decoding)}{SUFFIX}"
    counts = [count_records(file) for file in files]
    total = sum(counts)
    if not total:
        raise DataError(f"{files[0].path.parent}: the shards have no records")
    found = opened_or_made(
        entry,
        decoding.shape,
        total,
        lambda writer: _decode_into(writer, files, total, fields, decoding, progress),
        cache_folder,
    )
    return _described(found, files, counts)


def _key(files: Sequence[ShardFile], fields: ShardFields, decoding: Decoding) -> str:
    versions = f"{VERSION} {PIL.__version__} {simplejpeg.__version__}"
    digest = hashlib.sha256(f"shards {versions} {fields} {decoding}".encode())
    for file in files:
        about = file.path.stat()
        digest.update(f"{file.path.name}\0{about.st_size} {about.st_mtime_ns} {about.st_ctime_ns}\0".encode())
    return digest.hexdigest()[:40]


def _described(entry: PictureEntry, files: Sequence[ShardFile], counts: Sequence[int]) -> DecodedShards:
    about = entry.about
    places = np.delete(np.arange(sum(counts)), [place for place, _ in about["unreadable"]])
    of_files = [file.split for file, count in zip(files, counts, strict=True) for _ in range(count)]
    given: Sequence[str | None] = about["splits"] or of_files
    kept = places.tolist()
    return DecodedShards(
        entry.images,
        digests_of(entry),
        [about["targets"][place] for place in kept],
        [given[place] for place in kept],
        places,
        [0, *itertools.accumulate(counts)][:-1],
        [(place, why) for place, why in about["unreadable"]],
        files,
    )


class _Read(NamedTuple):
    """A record that was read."""

    record: Record
    place: str


class _Done(NamedTuple):
    """Pictures that were decoded, the digest of each, and why others were not, by their place in the batch."""

    images: np.ndarray
    digests: list[bytes]
    why: dict[int, str]


def _decode_into(
    writer: EntryWriter,
    files: Sequence[ShardFile],
    total: int,
    fields: ShardFields,
    decoding: Decoding,
    progress: Counting | None,
) -> dict[str, Any]:
    digests: list[bytes] = []
    unreadable: list[tuple[int, str]] = []
    targets: list[Label] = []
    splits: list[str | None] = []
    done = 0
    for batch, made in _decoded(_records(files), fields, decoding):
        writer.add(made.images)
        digests += made.digests
        unreadable += [(done + place, why) for place, why in made.why.items()]
        targets += [fields.target(one.record, one.place) for one in batch]
        splits += [fields.split_of(one.record, one.place) for one in batch]
        done += len(batch)
        if progress is not None:
            progress("pictures", done, total)
    if not digests:
        raise DataError(
            f"{files[0].path}: none of its pictures can be read; record {unreadable[0][0]}: {unreadable[0][1]}"
        )
    return {
        "digests": b"".join(digests).hex(),
        "unreadable": unreadable,
        "notes": {},
        "targets": targets,
        "splits": splits if fields.split is not None else [],
    }


def _records(files: Sequence[ShardFile]) -> Iterator[_Read]:
    for file in files:
        for number, record in enumerate(read_records(file)):
            yield _Read(record, place_in(file.path, number))


def _decoded(
    records: Iterable[_Read], fields: ShardFields, decoding: Decoding
) -> Iterator[tuple[Sequence[_Read], _Done]]:
    """Decode pictures on all cores, in order, with a bounded number of them in memory."""
    workers, upcoming = cores(), iter(records)
    waiting: deque[tuple[Sequence[_Read], Future[_Done]]] = deque()
    with quietly(), ThreadPoolExecutor(workers) as pool:
        try:
            while batch := list(itertools.islice(upcoming, BATCH)):
                waiting.append((batch, pool.submit(_batch, batch, fields, decoding)))
                if len(waiting) > 2 * workers:
                    ready, result = waiting.popleft()
                    yield ready, result.result()
            for ready, result in waiting:
                yield ready, result.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _batch(batch: Sequence[_Read], fields: ShardFields, decoding: Decoding) -> _Done:
    images = np.empty((len(batch), *decoding.shape), np.uint8)
    digests, why = list[bytes](), dict[int, str]()
    for place, one in enumerate(batch):
        content = fields.picture(one.record, one.place)
        try:
            images[len(digests)] = decoding.pixels(content, one.record)
        except PictureError as error:
            why[place] = str(error)
            continue
        digests.append(hashlib.sha256(content).digest())
    return _Done(images[: len(digests)], digests, why)
