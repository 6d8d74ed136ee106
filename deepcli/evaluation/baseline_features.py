"""Inputs as linear models take them: columns of a table, bags of words, pixels. All is learned from the training split."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from deepcli.data.arrays.splits import Tokens
from deepcli.data.schema import Column

if TYPE_CHECKING:
    from scipy.sparse import csr_array

DENSE = 500
"""Number of features up to which those of a table are a dense array."""
MOST_WORDS = 50_000
"""Words and pairs of words in a bag; the most frequent ones are kept."""
WORDS_AT_ONCE = 1 << 20
"""Words whose pairs are looked at together."""
MOST_VALUES = 1_000
"""Values of an image up to which it is not made smaller."""


Frequencies = tuple[np.ndarray, np.ndarray]
"""Keys of words and pairs of words, sorted, and how many texts each is in, int64 both."""


class TableFeatures:
    """Numbers standardized, missing ones as the mean with an indicator, categories one-hot.

    Args:
        x: The training split, float32 (examples, columns).
        columns: What the columns are.
    """

    def __init__(self, x: np.ndarray, columns: Sequence[Column]) -> None:
        category = np.array([column.type == "category" for column in columns], bool)
        self._numbers, self._codes = np.flatnonzero(~category), np.flatnonzero(category)
        numbers = x[:, self._numbers].astype(np.float64)
        known = ~np.isnan(numbers)
        count = np.maximum(known.sum(axis=0), 1)
        self._mean = np.where(known, numbers, 0).sum(axis=0) / count
        spread = np.sqrt((np.where(known, numbers - self._mean, 0) ** 2).sum(axis=0) / count)
        self._scale = np.where(spread > 0, spread, 1.0)
        self._indicated = np.flatnonzero(~known.all(axis=0))
        self._sizes = [len(columns[place].categories) + 1 for place in self._codes.tolist()]

    def __call__(self, x: np.ndarray) -> np.ndarray | csr_array:
        """Return the features, float64 (examples, features)."""
        numbers = x[:, self._numbers].astype(np.float64)
        missing = np.isnan(numbers)
        dense = np.hstack([np.where(missing, 0, (numbers - self._mean) / self._scale), missing[:, self._indicated]])
        if not self._sizes:
            return dense
        from scipy import sparse

        starts = np.cumsum([0, *self._sizes[:-1]])
        codes = x[:, self._codes].astype(np.int64)
        codes = np.where((codes >= 0) & (codes < self._sizes), codes, 0) + starts
        rows = np.repeat(np.arange(len(x)), len(self._sizes))
        hot = sparse.csr_array((np.ones(codes.size), (rows, codes.ravel())), shape=(len(x), sum(self._sizes)))
        joined = sparse.hstack([sparse.csr_array(dense), hot], format="csr")
        return joined.toarray() if joined.shape[1] <= DENSE else joined


class SeriesFeatures:
    """The steps of series one after another, standardized by column; what is behind the end of a series counts as the mean.

    Args:
        x: The training split, float32 (examples, steps, columns), NaN behind the end.
        columns: What the columns are, with the statistics of the training split.
    """

    def __init__(self, x: np.ndarray, columns: Sequence[Column]) -> None:
        self._means = np.array([column.mean for column in columns], np.float64)
        self._scales = np.array([column.scale for column in columns], np.float64)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return the features, float64 (examples, steps * columns)."""
        values = (np.asarray(x, np.float64) - self._means) / self._scales
        found: np.ndarray = np.nan_to_num(values, nan=0.0).reshape(len(x), -1)
        return found


class BagOfWords:
    """Words and pairs of neighbouring words, by TF-IDF with logarithmic counts; what one text alone has is left out.

    Args:
        x: The training split.
    """

    def __init__(self, x: Tokens) -> None:
        self._keys, frequency = _added_up(map(_frequencies, _groups(x)))
        kept = np.flatnonzero(frequency >= min(2, len(x)))
        kept = np.sort(kept[np.argsort(-frequency[kept], kind="stable")][:MOST_WORDS])
        self._keys, frequency = self._keys[kept], frequency[kept]
        self._weights = np.log((1 + len(x)) / (1 + frequency)) + 1

    def __call__(self, x: Tokens) -> csr_array:
        """Return the features, float64 (examples, words and pairs), each row of length 1."""
        from scipy import sparse

        counts = sparse.vstack([self._counted(texts) for texts in _groups(x)], format="csr")
        values = (1 + np.log(counts.data)) * self._weights[counts.indices]
        lengths = np.sqrt(np.add.reduceat(np.append(values**2, 0), counts.indptr[:-1]))
        filled = np.diff(counts.indptr)
        values /= np.repeat(lengths, filled)
        return sparse.csr_array((values, counts.indices, counts.indptr), shape=counts.shape)

    def _counted(self, x: Tokens) -> csr_array:
        """Count the words and pairs of each text that are known, float64 (examples, words and pairs)."""
        from scipy import sparse

        keys, rows = _grams(x)
        places = np.searchsorted(self._keys, keys)
        known = places < len(self._keys)
        known[known] = self._keys[places[known]] == keys[known]
        shape = (len(x), max(len(self._keys), 1))
        counts = sparse.csr_array((np.ones(known.sum()), (rows[known], places[known])), shape=shape)
        counts.sum_duplicates()
        return counts


def _groups(x: Tokens) -> list[Tokens]:
    """Return texts in groups, as the keys of all words and pairs take many times the memory of the texts."""
    group = np.cumsum(x.lengths) // WORDS_AT_ONCE
    borders = [0, *(np.flatnonzero(np.diff(group)) + 1).tolist(), len(x)]
    return [x[np.arange(first, last)] for first, last in itertools.pairwise(borders)]


def _frequencies(x: Tokens) -> Frequencies:
    """Return the keys in some texts, sorted, and how many texts each is in."""
    keys, rows = _grams(x)
    known, places = np.unique(keys, return_inverse=True)
    pairs = np.unique(rows * len(known) + places)
    return known, np.bincount(pairs % max(len(known), 1), minlength=len(known))


def _added_up(groups: Iterable[Frequencies]) -> Frequencies:
    """Add up the frequencies in groups of texts; sums of equally many groups are added, so that few keys are sorted often."""
    sums: list[tuple[int, Frequencies]] = []
    for found in groups:
        sums.append((1, found))
        while len(sums) > 1 and sums[-1][0] >= sums[-2][0]:
            sums.append(_added(sums.pop(), sums.pop()))
    while len(sums) > 1:
        sums.append(_added(sums.pop(), sums.pop()))
    return sums[0][1]


def _added(first: tuple[int, Frequencies], second: tuple[int, Frequencies]) -> tuple[int, Frequencies]:
    """Add up the frequencies in two sums, and count their groups."""
    keys, counts = (np.concatenate(parts) for parts in zip(first[1], second[1], strict=True))
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    begins = np.flatnonzero(np.diff(keys, prepend=keys[:1] - 1))
    return first[0] + second[0], (keys[begins], np.add.reduceat(counts[order], begins) if len(begins) else counts)


def _grams(x: Tokens) -> tuple[np.ndarray, np.ndarray]:
    """Return the keys of all words and pairs of words in all texts, and the text that each is in, int64 (grams,)."""
    begin, end = int(x.offsets[0]), int(x.offsets[-1])
    words = x.values[begin:end].astype(np.int64)
    rows = np.repeat(np.arange(len(x)), x.lengths)
    same = np.flatnonzero(rows[1:] == rows[:-1])
    pairs = ((words[same] + 1) << 32) + words[same + 1]
    return np.concatenate([words, pairs]), np.concatenate([rows, rows[same]])


class Pixels:
    """Pixels from 0 to 1, less their mean; large images are made smaller by averaging squares of pixels.

    Args:
        x: The training split, uint8 (examples, height, width, channels).
    """

    def __init__(self, x: np.ndarray) -> None:
        height, width, channels = x.shape[1:]
        side = math.ceil(math.sqrt(height * width * channels / MOST_VALUES))
        self._side = max(1, min(side, height, width))
        self._mean: np.ndarray | float = 0.0
        self._mean = self(x).mean(axis=0)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return the features, float32 (examples, values)."""
        side = self._side
        height, width, channels = (x.shape[1] // side, x.shape[2] // side, x.shape[3])
        cut = np.asarray(x[:, : height * side, : width * side])
        squares = cut.reshape(len(x), height, side, width, side, channels)
        values: np.ndarray = squares.mean(axis=(2, 4), dtype=np.float32).reshape(len(x), -1) / np.float32(255)
        return values - self._mean
