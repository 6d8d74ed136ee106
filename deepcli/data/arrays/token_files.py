"""Reads files of texts (object arrays of word ranks): joined and checked once, then loaded from the cache."""

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
"""Version of `flatten`; increase it whenever the result for the same file changes."""
DTYPES = ("int32", "int64", "int32")
MAX_WORDS = 1 << 27
"""Maximum number of words in all texts together: a pickle can refer to one long text a million times."""


@dataclass(frozen=True)
class Texts:
    """Texts as word ranks, and their labels.

    Attributes:
        parts: The word ranks and int32 labels of each requested part.
        sha256: SHA-256 of all their arrays, joined.
        file_sha256: SHA-256 of the file.
    """

    parts: tuple[tuple[Tokens, np.ndarray], ...]
    sha256: str
    file_sha256: str


def read_texts(path: Path, keys: Sequence[tuple[str, str]], words: int, classes: int) -> Texts:
    """Read texts with labels from an `.npz` file, or from the cache if a file with the same content was read before.

    Args:
        path: The file.
        keys: Names of the arrays with each part's texts and labels.
        words: Number of words; ranks may be up to ten times as high.
        classes: Number of classes; labels are below it.

    Raises:
        DataError: The file is damaged or has another layout.
    """
    source = sha256_of(path)
    key = hashlib.sha256(json.dumps([VERSION, source, keys]).encode()).hexdigest()
    found = cache.load(key, DTYPES * len(keys))
    if found is None or not _sound(found.arrays, words, classes):
        arrays = _read(path, keys, words, classes)
        found = cache.Prepared(arrays, fingerprint(*arrays))
        if sha256_of(path) == source:  # otherwise the file was replaced in the meantime
            cache.store(key, found)
    parts = tuple(
        # Labels are copied (they are small), so that a run does not depend on a cache file that may be deleted.
        (Tokens(values, offsets), labels.copy())
        for values, offsets, labels in zip(*(found.arrays[start::3] for start in range(3)), strict=True)
    )
    return Texts(parts, found.sha256, source)


def _read(path: Path, keys: Sequence[tuple[str, str]], words: int, classes: int) -> tuple[np.ndarray, ...]:
    arrays = read_npz(path, tuple(chain.from_iterable(keys)), objects=tuple(texts for texts, _ in keys))
    parts = (flatten(path, arrays[texts], arrays[labels], words, classes) for texts, labels in keys)
    return tuple(chain.from_iterable((tokens.values, tokens.offsets, labels) for tokens, labels in parts))


def flatten(path: Path, texts: np.ndarray, labels: np.ndarray, words: int, classes: int) -> tuple[Tokens, np.ndarray]:
    """Join texts and check that they and their labels have the expected layout.

    Raises:
        DataError: They do not.
    """
    if texts.ndim != 1:
        raise DataError(
            f"{path}: the texts are {texts.dtype}{list(texts.shape)}; they should be an object array of one "
            "dimension with a list of word ids for each text, without padding"
        )
    if labels.dtype.kind not in "iu" or labels.shape != texts.shape or not np.isin(labels, np.arange(classes)).all():
        raise DataError(
            f"{path}: should contain one label from 0 to {classes - 1} for each text; it has {len(texts)} texts, and "
            f"labels {_found(labels)}"
        )
    if len(labels) < 2:
        raise DataError(f"{path}: contains {len(labels)} texts, too few to train on")
    try:
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        if lengths.sum() > MAX_WORDS:
            raise DataError(f"{path}: contains more than {MAX_WORDS:,} words")
        # NumPy would read 1.7 as 1 and "12" as 12, and would accept bytes and a mapping's keys too.
        kinds = set(map(type, chain.from_iterable(texts))) - {int}
        if set(map(type, texts)) - {list, tuple, np.ndarray} or not all(issubclass(kind, np.integer) for kind in kinds):
            raise TypeError
        values = np.fromiter(chain.from_iterable(texts), np.int64, int(lengths.sum()))
    except (TypeError, ValueError, OverflowError):
        raise DataError(f"{path}: a text is not a list of word ids") from None
    if len(values) and (values.min() < 0 or values.max() > 10 * words):
        raise DataError(f"{path}: contains word ids outside 0 to {10 * words}")
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return Tokens(values.astype(np.int32), offsets), labels.astype(np.int32)


def _found(labels: np.ndarray) -> str:
    kind = f"{labels.dtype}{list(labels.shape)}"
    return f"{kind} from {labels.min()} to {labels.max()}" if labels.dtype.kind in "iuf" and labels.size else kind


def _sound(arrays: tuple[np.ndarray, ...], words: int, classes: int) -> bool:
    """Return whether arrays from the cache, which anyone may have written, are a possible result of `flatten`."""
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
