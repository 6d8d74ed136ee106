"""Files of texts, object arrays of word ranks: read, laid end to end and checked once, then taken from the cache."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from deepcli.data.arrays import cache
from deepcli.data.arrays.archive import read_npz
from deepcli.data.arrays.splits import Tokens, fingerprint
from deepcli.data.files import sha256_of
from deepcli.errors import DataError

VERSION = 1
"""Of `flatten`: another number whenever it makes something else of the same file."""
DTYPES = ("int32", "int64", "int32")
MAX_WORDS = 1 << 27
"""Of all texts together: a pickle can name one long text a million times."""


@dataclass(frozen=True)
class Texts:
    """Texts as word ranks, and their labels.

    Attributes:
        parts: The word ranks and int32 labels of each part that was asked for.
        sha256: Of all their arrays, end to end.
        file_sha256: Of the file that they come from.
    """

    parts: tuple[tuple[Tokens, np.ndarray], ...]
    sha256: str
    file_sha256: str


def read_texts(path: Path, keys: Sequence[tuple[str, str]], words: int, classes: int) -> Texts:
    """Read texts with labels from an `.npz` file, or what was made of a file of the same content before.

    Args:
        path: The file.
        keys: The names in it of each part's texts and labels.
        words: Ranks may be up to ten times as many.
        classes: Labels are below it.

    Raises:
        DataError: The file is damaged, or not what it should be.
    """
    source = sha256_of(path)
    key = hashlib.sha256(json.dumps([VERSION, source, keys]).encode()).hexdigest()
    found = cache.load(key, DTYPES * len(keys))
    if found is None or not _sound(found.arrays, words, classes):
        arrays = _read(path, keys, words, classes)
        found = cache.Prepared(arrays, fingerprint(*arrays))
        if sha256_of(path) == source:  # else another file took its place meanwhile
            cache.store(key, found)
    parts = tuple(
        # Labels are small, and copied so that no part of a run goes on reading a file that may vanish.
        (Tokens(values, offsets), labels.copy())
        for values, offsets, labels in zip(*(found.arrays[start::3] for start in range(3)), strict=True)
    )
    return Texts(parts, found.sha256, source)


def _read(path: Path, keys: Sequence[tuple[str, str]], words: int, classes: int) -> tuple[np.ndarray, ...]:
    arrays = read_npz(path, tuple(chain.from_iterable(keys)), objects=tuple(texts for texts, _ in keys))
    parts = (flatten(path, arrays[texts], arrays[labels], words, classes) for texts, labels in keys)
    return tuple(chain.from_iterable((tokens.values, tokens.offsets, labels) for tokens, labels in parts))


def flatten(path: Path, texts: np.ndarray, labels: np.ndarray, words: int, classes: int) -> tuple[Tokens, np.ndarray]:
    """Lay texts end to end and check that they are what the layout says.

    Raises:
        DataError: They are not.
    """
    if texts.ndim != 1:
        raise DataError(
            f"{path}: the texts are {texts.dtype}{list(texts.shape)}; they should be a list of word ids for each text, in "
            "an object array of one dimension, without padding"
        )
    if labels.dtype.kind not in "iu" or labels.shape != texts.shape or not np.isin(labels, np.arange(classes)).all():
        raise DataError(
            f"{path}: should hold one label from 0 to {classes - 1} for each text; there are {len(texts)} texts, and "
            f"labels {_found(labels)}"
        )
    if len(labels) < 2:
        raise DataError(f"{path}: holds {len(labels)} texts, too few to train on")
    try:
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        if lengths.sum() > MAX_WORDS:
            raise DataError(f"{path}: holds more than {MAX_WORDS:,} words")
        # NumPy would take 1.7 for 1 and "12" for 12, and has no more to say of bytes or of a mapping's keys.
        kinds = set(map(type, chain.from_iterable(texts))) - {int}
        if set(map(type, texts)) - {list, tuple, np.ndarray} or not all(issubclass(kind, np.integer) for kind in kinds):
            raise TypeError
        values = np.fromiter(chain.from_iterable(texts), np.int64, int(lengths.sum()))
    except (TypeError, ValueError, OverflowError):
        raise DataError(f"{path}: a text is not a list of word ids") from None
    if len(values) and (values.min() < 0 or values.max() > 10 * words):
        raise DataError(f"{path}: holds word ids outside 0 to {10 * words}")
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return Tokens(values.astype(np.int32), offsets), labels.astype(np.int32)


def _found(labels: np.ndarray) -> str:
    kind = f"{labels.dtype}{list(labels.shape)}"
    return f"{kind} from {labels.min()} to {labels.max()}" if labels.dtype.kind in "iuf" and labels.size else kind


def _sound(arrays: tuple[np.ndarray, ...], words: int, classes: int) -> bool:
    """Tell whether arrays are what `flatten` could have made, whoever has written them into the cache."""
    return all(
        len(labels) >= 2
        and len(offsets) == len(labels) + 1
        and offsets[0] == 0
        and offsets[-1] == len(values)
        and bool((np.diff(offsets) >= 0).all())
        and (not len(values) or (values.min() >= 0 and values.max() <= 10 * words))
        and labels.min() >= 0
        and labels.max() < classes
        for values, offsets, labels in zip(*(arrays[start::3] for start in range(3)), strict=True)
    )
