"""Reads the records of shards one after another; an error names the file and the record, counted from 0."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from deepcli.data.sources.naming import printable
from deepcli.data.sources.shards.shard_files import ShardFile
from deepcli.data.sources.shards.tf_examples import Values, read_example
from deepcli.errors import DataError
from deepcli.system import extras

GZIP = b"\x1f\x8b"
MAX_RECORD = 1 << 30
HEADER, TRAILER = 12, 4
"""Bytes before and behind the content of a record of TFRecord: its length and the checksum of that; its own checksum."""
AT_ONCE = 64
"""Records that are read at a time."""
MASK = 0xA282EAD8

Record = dict[str, Values]
"""The fields of a record by name."""


def place_in(path: Path, record: int) -> str:
    """Return the place of a record, as errors and notices name it."""
    return f"{printable(str(path))}[{record}]"


def read_records(file: ShardFile) -> Iterator[Record]:
    """Yield the records of a file.

    Raises:
        DataError: The file is damaged or cut, or a record is not a `tf.train.Example`.
        UsageError: The package that reads such files is not installed.
    """
    if file.format == "parquet":
        yield from _parquet(file.path)
        return
    contents = _tfrecord(file.path) if file.format == "tfrecord" else _array_record(file.path)
    for number, content in enumerate(contents):
        try:
            yield read_example(content)
        except ValueError as error:
            raise DataError(
                f"{place_in(file.path, number)}: {error}, the only records that are read; write them with TensorFlow "
                "Datasets, or read the data in a plugin"
            ) from None


def count_records(file: ShardFile) -> int:
    """Return the number of records of a file.

    Raises:
        DataError: The file is damaged or cut.
        UsageError: The package that reads such files is not installed.
    """
    if file.format == "tfrecord":
        return sum(1 for _ in _tfrecord(file.path, skip=True))
    if file.format == "parquet":
        return int(_opened_parquet(file.path).metadata.num_rows)
    reader = _opened_array_record(file.path)
    try:
        return int(reader.num_records())
    finally:
        reader.close()


def _tfrecord(path: Path, skip: bool = False) -> Iterator[bytes]:
    """Yield the contents of a TFRecord file, which may be compressed; with `skip`, empty ones in their place."""
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == GZIP
            size = None if packed else raw.seek(0, 2)
            raw.seek(0)
            yield from _contents(gzip.GzipFile(fileobj=raw) if packed else raw, path, size if skip else None)
    except (OSError, EOFError) as error:
        raise DataError(f"{printable(str(path))}: cannot be read: {error}") from None


def _contents(stream: IO[bytes] | gzip.GzipFile, path: Path, size: int | None) -> Iterator[bytes]:
    number = 0
    while header := stream.read(HEADER):
        place, done = place_in(path, number), f"; it is cut after {number:,} whole records: copy it again"
        if len(header) < HEADER:
            raise DataError(f"{place}: the file ends inside a record{done}")
        length, checksum = struct.unpack("<QI", header)
        if checksum != _masked(header[:8]) or length > MAX_RECORD:
            why = "is not a TFRecord file" if not number else "is damaged: the length of this record is wrong"
            raise DataError(f"{place}: {why}")
        if size is not None:
            content, end = b"", stream.seek(length + TRAILER, 1)
            if end > size:
                raise DataError(f"{place}: the file ends inside a record{done}")
        else:
            content = stream.read(length + TRAILER)
            if len(content) < length + TRAILER:
                raise DataError(f"{place}: the file ends inside a record{done}")
        yield content[:length]
        number += 1


def _masked(content: bytes) -> int:
    """Return the checksum of a length: CRC-32C, rotated, plus a constant."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc = _table()[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + MASK) & 0xFFFFFFFF


@lru_cache(1)
def _table() -> tuple[int, ...]:
    found = []
    for number in range(256):
        for _ in range(8):
            number = number >> 1 ^ (0x82F63B78 if number & 1 else 0)
        found.append(number)
    return tuple(found)


def _array_record(path: Path) -> Iterator[bytes]:
    reader = _opened_array_record(path)
    try:
        count = reader.num_records()
        for start in range(0, count, AT_ONCE):
            end = min(start + AT_ONCE, count)
            try:
                found = reader.read(start, end)
            except Exception as error:  # the library has errors of its own
                raise DataError(f"{place_in(path, start)} to [{end - 1}]: cannot be read: {_first(error)}") from None
            if len(found) != end - start:
                raise DataError(f"{place_in(path, start + len(found))}: cannot be read; copy the file again")
            yield from found
    finally:
        reader.close()


def _opened_array_record(path: Path) -> Any:
    extras.demand(f"{path}:", ("array_record",), "grain")
    from array_record.python.array_record_module import ArrayRecordReader

    try:
        reader = ArrayRecordReader(str(path), "readahead_buffer_size:0")
        if reader.ok():
            return reader
        why = ""
    except Exception as error:  # the library has errors of its own
        why = f": {_first(error)}"
    raise DataError(f"{printable(str(path))}: is not an ArrayRecord file, or was cut{why}; copy it again")


def _parquet(path: Path) -> Iterator[Record]:
    found = _opened_parquet(path)
    number = 0
    try:
        for batch in found.iter_batches(AT_ONCE):
            for row in batch.to_pylist():
                yield {name: _plain(value) for name, value in row.items()}
                number += 1
    except Exception as error:  # pyarrow has errors of its own for each kind of damage
        if isinstance(error, DataError):
            raise
        raise DataError(f"{place_in(path, number)}: cannot be read: {_first(error)}") from None


def _opened_parquet(path: Path) -> Any:
    extras.demand(f"{path}:", ("pyarrow",), "tables")
    import pyarrow.parquet

    try:
        return pyarrow.parquet.ParquetFile(path)
    except Exception as error:  # pyarrow has errors of its own for each kind of damage
        raise DataError(f"{printable(str(path))}: cannot be read as Parquet: {_first(error)}") from None


def class_names_in(path: Path, field: str) -> tuple[str, ...]:
    """Return the names of classes that Hugging Face's `datasets` wrote into a Parquet file; none if it did not."""
    import json

    try:
        about = json.loads((_opened_parquet(path).schema_arrow.metadata or {})[b"huggingface"])
        names = about["info"]["features"][field]["names"]
    except (KeyError, TypeError, ValueError):
        return ()
    return tuple(map(str, names)) if isinstance(names, list) else ()


def _plain(value: Any) -> Values:
    """Return the values of a column in a row; a picture of `datasets` is its bytes."""
    if isinstance(value, dict):
        return [value["bytes"]] if isinstance(value.get("bytes"), bytes) else []
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def _first(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
