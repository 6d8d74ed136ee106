"""Small data sets in shards, as TensorFlow Datasets and Hugging Face's `datasets` write them; made with the real writers."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

CLASSES = ("bright", "dark", "half")


def pixels(count: int, seed: int = 0, size: tuple[int, int] = (20, 24)) -> Iterator[tuple[np.ndarray, int]]:
    """Yield pictures that are bright, dark, or half and half, with the number of their class."""
    rng = np.random.RandomState(seed)
    for number in range(count):
        image = rng.randint(0, 60, (*size, 3)) + (180, 10, 0)[number % 3]
        image[: size[0] // 2] += (0, 0, 180)[number % 3]
        yield image.astype(np.uint8), number % 3


def encoded(image: np.ndarray, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind)
    return file.getvalue()


def example(**fields: Any) -> bytes:
    """Return a `tf.train.Example`."""
    import tensorflow as tf

    made = {}
    for name, value in fields.items():
        values = value if isinstance(value, list) else [value]
        if isinstance(values[0], bytes):
            made[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
        elif isinstance(values[0], float):
            made[name] = tf.train.Feature(float_list=tf.train.FloatList(value=values))
        else:
            made[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=values))
    return bytes(tf.train.Example(features=tf.train.Features(feature=made)).SerializeToString())


def examples(count: int = 60, seed: int = 0) -> list[bytes]:
    return [example(image=encoded(image), label=label) for image, label in pixels(count, seed)]


def write_tfrecord(path: Path, records: Sequence[bytes], options: str = "") -> Path:
    import tensorflow as tf

    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path), options) as writer:
        for record in records:
            writer.write(record)
    return path


def write_array_record(path: Path, records: Sequence[bytes]) -> Path:
    pytest.importorskip("array_record")
    from array_record.python.array_record_module import ArrayRecordWriter

    path.parent.mkdir(parents=True, exist_ok=True)
    writer = ArrayRecordWriter(str(path), "group_size:1")
    for record in records:
        writer.write(record)
    writer.close()
    return path


def write(folder: Path, format_: str, records: Sequence[bytes], split: str = "train", shards: int = 2) -> Path:
    """Write records as TensorFlow Datasets names them; return the folder."""
    writer = {"tfrecord": write_tfrecord, "array_record": write_array_record}[format_]
    for number in range(shards):
        name = f"blobs-{split}.{format_}-{number:05d}-of-{shards:05d}"
        writer(folder / name, records[number * len(records) // shards : (number + 1) * len(records) // shards])
    return folder
