"""Own pictures in shards: files of many records, as TensorFlow Datasets and Hugging Face's `datasets` write them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from deepcli.data.augmentation import ImageAugmentation
from deepcli.data.base import DATASETS
from deepcli.data.files import cache_folder
from deepcli.data.own_pictures import OwnPictures
from deepcli.data.schema import Kind, Schema
from deepcli.data.sources.gathered import Gathered
from deepcli.data.sources.shards.shard_fields import ShardFields, find_fields, is_picture, listed, raw_shape
from deepcli.data.sources.shards.shard_files import ShardFile, shard_files
from deepcli.data.sources.shards.shard_records import Record, class_names_in, place_in, read_records
from deepcli.data.sources.shards.shard_targets import targets_of
from deepcli.data.sources.splitting import Divisible, label_strata
from deepcli.data.text_folder import stat_of
from deepcli.errors import DataError
from deepcli.system.reach import reach

if TYPE_CHECKING:
    from deepcli.data.arrays.shard_cache import Decoding
    from deepcli.data.arrays.splits import Inputs

MEASURED, FILES_MEASURED = 200, 20
"""Records of a shard, and shards, whose pictures are measured to choose a size."""


@DATASETS.register
class ShardsDataset(OwnPictures):
    """Own pictures in shards: ArrayRecord, TFRecord or Parquet files, by a pattern or in a folder.

    Records are `tf.train.Example`, as TensorFlow Datasets writes them, or rows with a picture, as Hugging Face's `datasets`
    does. A picture is JPEG, PNG, WebP, BMP, GIF or TIFF, or uint8 pixels as they are. Pictures are decoded once, into
    deepcli's cache. Files named `train`, `validation` and `test` are these splits.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("image",)

    type: Literal["shards"] = "shards"
    image: str | None = Field(None, description="Field of the picture; null finds it.")
    label: str | None = Field(None, description="Field of the target; null finds it by the usual names.")
    augmentation: ImageAugmentation | None = Field(None, description="How images are varied during training.")

    def stamp(self) -> object:
        return [[str(file.path), *stat_of(file.path)] for file in shard_files(self.place)]

    def gather(self, known: Schema | None) -> Gathered:
        from deepcli.data.arrays.shard_cache import decoded_shards

        files = shard_files(self.place)
        fields = self.fields(*self._first(files))
        decoded = decoded_shards(files, fields, self._decoding(files, fields, known), cache_folder(), reach().decoding)
        names = class_names(files[0], fields)
        target, values = targets_of(
            decoded.targets, fields.label or "", names, self._reads, known, self.path, decoded.where
        )
        strata = None if target.kind == "numbers" else label_strata(values) if target.kind == "labels" else values
        return Gathered(
            self.path,
            Divisible(decoded.digests, strata, decoded.splits),
            target,
            values,
            decoded.images,
            tuple(decoded.findings()),
            where=decoded.where,
        )

    def fields(self, record: Record, place: str) -> ShardFields:
        """Find the fields of picture, target and split in a record.

        Args:
            record: The record.
            place: Where it is.

        Raises:
            DataError: A field is missing, or several may be meant.
        """
        named = {"image": self.image, "label": self.label, "split": self.split.column}
        return find_fields(record, place, named, self._reads != "inputs")

    def _first(self, files: Sequence[ShardFile]) -> tuple[Record, str]:
        for file in files:
            for record in read_records(file):
                return record, place_in(file.path, 0)
        raise DataError(f"{self.path}: the shards have no records")

    def _decoding(self, files: Sequence[ShardFile], fields: ShardFields, known: Schema | None) -> Decoding:
        """Choose the size of pictures, from those of some records if the section does not say it."""
        from deepcli.data.arrays.picture_sizes import found_channels, found_size, measure_content
        from deepcli.data.arrays.shard_cache import Decoding

        chosen = {"rgb": 3, "grayscale": 1}.get(self.color_mode)
        record, place = self._first(files)
        content, raw = fields.picture(record, place), None
        if not is_picture(content):
            raw = raw_shape(record, self.size, chosen, len(content))
            if raw is None:
                raise DataError(
                    f"{place}: its field {fields.image!r} is neither an encoded picture nor pixels of a known size; "
                    f"{listed(record)}; say data.size=[HEIGHT, WIDTH] and data.color_mode for uint8 pixels"
                )
        if known is not None:
            height, width, channels = (size or 1 for size in known.shape)
            return Decoding((height, width, channels), self.resize, raw)
        if raw is not None:
            return Decoding((*(self.size or raw[:2]), chosen or raw[2]), self.resize, raw)
        sizes = [] if self.size and chosen else [measure_content(one) for one in _some(files, fields)]
        try:
            size = self.size or found_size(sizes)
        except ValueError as error:
            raise DataError(f"{self.path}: {error}") from None
        return Decoding((*size, chosen or found_channels(sizes)), self.resize)

    def describe(self, gathered: Gathered, train: Sequence[int]) -> dict[str, Any]:
        return {"kind": "image", "shape": tuple(gathered.content.shape[1:])}

    def encode(self, gathered: Gathered, schema: Schema) -> Inputs:
        images: Inputs = gathered.content
        return images


def _some(files: Sequence[ShardFile], fields: ShardFields) -> list[bytes]:
    """Return the pictures of some records of the first files."""
    return [
        fields.picture(record, place_in(file.path, number))
        for file in files[:FILES_MEASURED]
        for number, record in enumerate(itertools.islice(read_records(file), MEASURED))
    ]


def class_names(file: ShardFile, fields: ShardFields) -> tuple[str, ...]:
    """Return the names of classes by number, as TensorFlow Datasets and `datasets` write them; none if there are none."""
    if fields.label is None:
        return ()
    if file.format == "parquet":
        return class_names_in(file.path, fields.label)
    beside = Path(file.path.parent) / f"{fields.label.replace('/', '-')}.labels.txt"
    try:
        return tuple(line.strip() for line in beside.read_text(encoding="utf-8").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError):
        return ()
