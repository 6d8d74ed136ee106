"""Reads inputs of models of shards: pictures, and the records of shards by name, pattern or folder."""

from __future__ import annotations

import glob
import io
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from deepcli.data.arrays.fitting import PictureError
from deepcli.data.arrays.shard_cache import Decoding
from deepcli.data.shards import ShardsDataset
from deepcli.data.sources.shards.shard_fields import ShardFields, find_fields, is_picture, raw_shape
from deepcli.data.sources.shards.shard_files import ShardFile, format_of, shard_files
from deepcli.data.sources.shards.shard_records import Record, place_in, read_records
from deepcli.errors import DataError
from deepcli.inputs.example import Example, Notify, Unreadable
from deepcli.inputs.own_reading import OwnPictureReader
from deepcli.inputs.reading import Outcomes, ReadOptions, Source


class ShardReader(OwnPictureReader):
    """Reads pictures of records, each named by its file and its number, and single pictures."""

    def __init__(self, data: ShardsDataset, options: ReadOptions, notify: Notify, complain: Notify) -> None:
        super().__init__(data, options, notify, complain)
        self._data = data

    def named(self, word: str) -> Iterator[tuple[str, Source]]:
        """Give the shards of a folder or a pattern, or what other models of pictures read."""
        pattern = not os.path.lexists(word) and glob.has_magic(word)
        if pattern or (os.path.isdir(word) and any(format_of(one) for one in os.listdir(word))):  # noqa: PTH112, PTH208
            try:
                files = shard_files(word)
            except DataError as error:
                self._complain(str(error))
                return
            for file in files:
                yield str(file.path), partial(self._records, file)
        else:
            yield from super().named(word)

    def _file(self, path: Path) -> Outcomes:
        if (found := format_of(path.name)) is None:
            yield from super()._file(path)
        else:
            yield from self._records(ShardFile(path, found, None))

    def _records(self, file: ShardFile) -> Outcomes:
        """Read the pictures of the records of a shard; they need no targets."""
        fields: ShardFields | None = None
        for number, record in enumerate(read_records(file)):
            place = place_in(file.path, number)
            if fields is None:
                named = {"image": self._data.image, "label": None, "split": None}
                fields = find_fields(record, place, named, labelled=False)
            try:
                yield from self._of_record(fields.picture(record, place), record, place)
            except DataError as error:
                yield Unreadable(place, str(error))

    def _of_record(self, content: bytes, record: Record, place: str) -> Outcomes:
        raw = None if is_picture(content) else raw_shape(record, self._data.size, None, len(content))
        if raw is None:
            yield from self._picture(io.BytesIO(content), place)
            return
        height, width, channels = self._wanted.shape
        try:
            yield Example(place, Decoding((height, width, channels), self._resize, raw).pixels(content, record))
        except PictureError as error:
            raise DataError(f"{place}: its picture {error}") from None
