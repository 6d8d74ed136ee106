"""The files of a data set in shards: found by a pattern or in a folder, each with its format and its split."""

from __future__ import annotations

import glob
import os
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from deepcli.data.sources.naming import natural, printable
from deepcli.data.sources.picture_files import some
from deepcli.errors import DataError

ShardFormat = Literal["array_record", "tfrecord", "parquet"]
ENDINGS: dict[str, ShardFormat] = {
    "array_record": "array_record", "arrayrecord": "array_record", "tfrecord": "tfrecord", "tfrecords": "tfrecord",
    "tfrec": "tfrecord", "parquet": "parquet",
}  # fmt: skip
SPLIT_WORDS = {
    "train": "train", "training": "train", "val": "validation", "valid": "validation", "validation": "validation",
    "dev": "validation", "test": "test", "testing": "test",
}  # fmt: skip
NUMBERED = re.compile(r"(.*?)[-_.](\d+)-of-(\d+)(.*)")
"""A name as TensorFlow Datasets and Hugging Face number them: `name-train.array_record-00003-of-00010`."""
SHOWN = 5


@dataclass(frozen=True)
class ShardFile:
    """A file of records.

    Attributes:
        path: The file.
        format: What it is.
        split: The split that its name says; None if it says none.
    """

    path: Path
    format: ShardFormat
    split: str | None


def format_of(name: str) -> ShardFormat | None:
    """Return the format that the name of a file says; None if it is not one of shards."""
    for part in name.lower().split(".")[1:]:
        if (ending := re.split(r"[-*?\[]", part)[0]) in ENDINGS:
            return ENDINGS[ending]
    return None


def shard_files(path: str) -> list[ShardFile]:
    """Return the files of a data set: one file, a pattern such as `shards/*.array_record`, or a folder.

    Raises:
        DataError: There are none, a shard is missing, they are of several formats, or names of some only say a split.
    """
    found = _found(path)
    files = [(one, found_format) for one in found if (found_format := format_of(one.name)) is not None]
    if not files:
        seen = f"; it has {some([one.name for one in found])}" if found else ""
        raise DataError(
            f"{printable(path)}: no shards there (.array_record, .tfrecord or .parquet){seen}; check the pattern, and "
            "put quotes around it in a shell"
        )
    if len(formats := sorted({one for _, one in files})) > 1:
        raise DataError(
            f"{printable(path)}: has files of several formats, {' and '.join(formats)}; name one by a pattern"
        )
    demand_all(path, found)
    splits = {file: _split(file.name) for file, _ in files}
    if len(set(map(bool, splits.values()))) > 1:
        unnamed = [file.name for file, split in splits.items() if not split]
        raise DataError(
            f"{printable(path)}: some files are named after a split, others are not: {some(unnamed)}; leave these out by a "
            "pattern, or let every name say train, validation or test"
        )
    return [ShardFile(file, one, splits[file]) for file, one in files]


def _found(path: str) -> list[Path]:
    whole = Path(path).expanduser()
    if whole.is_dir():
        found = [entry for entry in whole.iterdir() if entry.is_file() and not entry.name.startswith(".")]
    elif not os.path.lexists(whole) and glob.has_magic(path):
        found = [*map(Path, glob.glob(os.path.expanduser(path), recursive=True))]  # noqa: PTH111, PTH207 - may be absolute
    elif whole.is_file():
        found = [whole]
    else:
        raise DataError(f"{printable(path)}: no such file or folder")
    return sorted((file for file in found if file.is_file()), key=lambda file: natural(str(file)))


def demand_all(path: str, found: Sequence[Path]) -> None:
    """Check that of numbered shards none is missing.

    Raises:
        DataError: One is.
    """
    groups: defaultdict[tuple[str, str, int], set[int]] = defaultdict(set)
    for file in found:
        if match := NUMBERED.fullmatch(str(file)):
            groups[match[1], match[4], int(match[3])].add(int(match[2]))
    for (name, rest, count), numbers in groups.items():
        if (Path(path).expanduser().is_dir() or glob.has_magic(path)) and len(numbers) < count:
            missing = sorted(set(range(count)) - numbers)
            told = ", ".join(f"{number:05d}" for number in missing[:SHOWN]) + (", …" if len(missing) > SHOWN else "")
            raise DataError(
                f"{printable(name + rest)}: {len(missing)} of its {count} shards are missing: {told}; copy them, or name "
                "the files to use by a pattern that matches no others"
            )


def _split(name: str) -> str | None:
    words = [SPLIT_WORDS[word] for word in re.split(r"[^a-z]+", name.lower()) if word in SPLIT_WORDS]
    return words[-1] if words else None
