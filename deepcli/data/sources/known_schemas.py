"""Schemas of own data: found once, kept in a cache by the files' names, sizes and times, and carried in checkpoints."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from typing import Any

from deepcli.data.files import cache_folder
from deepcli.data.schema import MAX_BYTES, RULES, Schema
from deepcli.data.schema_reading import read_schema

_CARRIED: ContextVar[Schema | None] = ContextVar("carried schema", default=None)
MOST_KEPT = 200
"""Schemas in the cache; the least recently used are deleted first."""


@contextlib.contextmanager
def carrying(schema: Schema | None) -> Iterator[None]:
    """Give a schema, that of a run or a checkpoint, to the data sections that are validated inside."""
    before = _CARRIED.set(schema)
    try:
        yield
    finally:
        _CARRIED.reset(before)


def carried() -> Schema | None:
    """Return the schema that data sections are given at the moment."""
    return _CARRIED.get()


def found_schema(section: Mapping[str, Any], stamp: object, find: Callable[[], Schema]) -> Schema:
    """Return the schema of own data, from the cache if their files have not changed.

    Args:
        section: The fields of the data section that a schema depends on.
        stamp: Names, sizes and times of all files.
        find: Looks at the data.

    Raises:
        DataError: `find` fails.
    """
    text = json.dumps([RULES, section, stamp], sort_keys=True, default=str)
    key = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
    if (known := _kept(key)) is not None:
        return known
    schema = find()
    _keep(key, schema)
    _memory()[key] = schema
    return schema


@lru_cache(1)
def _memory() -> dict[str, Schema]:
    return {}


def _kept(key: str) -> Schema | None:
    if key in _memory():
        return _memory()[key]
    try:
        place = _folder() / f"{key}.json"
        if place.stat().st_size > MAX_BYTES:
            return None
        schema = read_schema(place.read_bytes())
        with contextlib.suppress(OSError):
            os.utime(place)
    except (OSError, ValueError, RuntimeError):  # missing or damaged: it is found again
        return None
    _memory()[key] = schema
    return schema


def _keep(key: str, schema: Schema) -> None:
    """Write a schema into the cache; a cache that cannot be written is left alone."""
    with contextlib.suppress(OSError, RuntimeError):
        folder = _folder()
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".", suffix=".json", dir=folder)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(schema.model_dump_json().encode())
            Path(name).replace(folder / f"{key}.json")
        finally:
            with contextlib.suppress(OSError):
                Path(name).unlink()
        _prune(folder)


def _folder() -> Path:
    return cache_folder() / "schemas"


def _prune(folder: Path) -> None:
    kept = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in kept[MOST_KEPT:]:
        with contextlib.suppress(OSError):
            path.unlink()
