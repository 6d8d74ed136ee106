"""Which kind of own data a path holds, by names alone."""

from __future__ import annotations

import os
from pathlib import Path

RECORDS = ("array_record", "arrayrecord", "tfrecord", "tfrec")
"""What begins an ending of files of records; the number of a file may follow."""
TABLES = ("csv", "tsv", "tab", "txt", "jsonl", "ndjson", "json", "parquet", "xlsx")
ARRAYS = ("npz", "npy", "h5", "hdf5")
RUNNING = ("md",)
"""Files that are read as one running text, whatever the task; other texts are, if the task is to predict their tokens."""
SERIES = ("ts",)
"""Files of series with classes."""
PICTURES = ("jpg", "jpeg", "png", "webp", "bmp", "gif", "tif", "tiff")
TAPES = ("tar", "tgz", "tbz2", "txz")
"""Archives of folders; a `.zip` holds a table if another ending is before it."""
PACKED = ("gz", "bz2", "xz", "zip")
REMOTE = ("s3", "gs", "gcs", "http", "https", "hf", "az", "abfs")
SAVED = ("state.json", "dataset_dict.json")
"""What `save_to_disk` of Hugging Face's `datasets` writes into the folder of a data set, and into that of its splits."""
MOST_NAMES = 2_000
"""Names that are looked at to distinguish folders of texts from folders of pictures."""


def looks_like_path(value: str) -> bool:
    """Return whether a bare word means a path and not the name of a component: it has a slash or an ending, or exists."""
    return any(sign in value for sign in "/\\") or "." in value or os.path.exists(value)  # noqa: PTH110


def kind_at(path: str) -> str:
    """Return the type of data set for a path, such as `image_folder`, `table`, `arrays`, `shards` or `text`.

    Only names are looked at. A path that does not exist gets the type that its ending says, so that the error about it
    can name what is missing.
    """
    whole = Path(path).expanduser()
    if os.path.isdir(whole):  # noqa: PTH112
        return _folder(whole)
    if is_shard(whole.name):
        return "shards"
    ending = ending_of(path)
    if ending in ARRAYS:
        return "arrays"
    if ending in RUNNING:
        return "text"
    if ending in SERIES:
        return "series_classes"
    return "table" if (ending and ending not in TAPES) or "*" in path else "image_folder"


def is_shard(name: str) -> bool:
    """Return whether a name is that of records in shards, such as `mnist-train.array_record-00000-of-00010`, or a pattern."""
    return any(part.startswith(RECORDS) for part in name.lower().split(".")[1:])


def ending_of(path: str) -> str:
    """Return the ending that says what a file holds, lower case and without dot; that of a compressed file is inside.

    An archive of a folder, such as `photos.zip`, has no ending inside and returns an empty string.
    """
    parts = path.rstrip("/\\").replace("\\", "/").rsplit("/", 1)[-1].lower().split(".")[1:]
    if parts and parts[-1] in PACKED:
        parts.pop()
    return parts[-1] if parts else ""


def _folder(folder: Path) -> str:
    """Tell a folder by the endings of the files in it, those of tables last; a saved data set is a table."""
    if any((folder / name).is_file() for name in SAVED):
        return "table"
    found = {"image_folder": 0, "text_folder": 0, "table": 0}
    seen = 0
    for here, folders, names in os.walk(folder):
        folders.sort()
        for name in names:
            ending = ending_of(name)
            inside = Path(here) != folder
            if is_shard(name) and not inside:
                return "shards"
            if ending in PICTURES:
                found["image_folder"] += 1
            elif ending == "txt" and inside:
                found["text_folder"] += 1
            elif ending in TABLES and not inside:
                found["table"] += 1
            seen += 1
        if seen > MOST_NAMES:
            break
    best = max(found, key=lambda kind: found[kind])
    return best if found[best] else "image_folder"
