"""Encodes pairs of texts: each as one row of ids, so that both sides travel through a pipeline together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from deepcli.data.arrays.splits import PairTexts, Split, Splits, Tokens
from deepcli.data.schema import Schema
from deepcli.data.sources.pair_vocabulary import END, START, UNKNOWN, PairTokens, pair_encoder

WIDEST = 1 << 20
"""More than any length, so that lengths can be joined in one number."""


@dataclass(frozen=True)
class PairRows(Tokens):
    """Rows of pairs: the ids of an input, the end token, the start token, and the ids of the target."""

    def __getitem__(self, indices: np.ndarray) -> PairRows:
        return PairRows(**vars(super().__getitem__(indices)))

    @property
    def input_lengths(self) -> np.ndarray:
        """Tokens of each input."""
        starts = np.flatnonzero(self.values == START)
        rows = np.searchsorted(self.offsets, starts, side="right") - 1
        inputs = self.lengths
        inputs[rows] = starts - self.offsets[rows]
        return inputs

    @property
    def target_lengths(self) -> np.ndarray:
        """Tokens of each target."""
        lengths: np.ndarray = self.lengths - self.input_lengths
        return lengths

    @property
    def sizes(self) -> np.ndarray:
        """Sorted by them, targets of one length are together, and among them inputs of one length: little is padded."""
        inputs = self.input_lengths
        sizes: np.ndarray = (self.lengths - inputs) * WIDEST + inputs
        return sizes

    def example(self, length: Callable[[np.ndarray], float]) -> np.ndarray:
        """Return a row whose sides are as long as a function of all lengths says, int32 (1, tokens)."""
        first, second = (max(1, round(float(length(part)))) for part in (self.input_lengths, self.target_lengths))
        return np.array([[*[UNKNOWN] * (first - 1), END, START, *[UNKNOWN] * (second - 1)]], np.int32)

    def without_rest(self, outputs: np.ndarray) -> np.ndarray:
        """Return outputs for these rows, (rows, steps, units), with 0 behind the end of each target: there, they say nothing."""
        real = np.arange(outputs.shape[1])[None, :] < self.target_lengths[:, None]
        return np.where(real[:, :, None], outputs, 0)


@dataclass(frozen=True)
class EncodedPairs:
    """Pairs as ids.

    Attributes:
        rows: Both sides of each pair.
        targets: The targets with the end token behind them, 0 for padding, int32 (pairs, longest).
        lengths: Tokens of each input and of each target before they were cut, with the end token.
        cut: How many inputs and how many targets were cut.
        unknowns: Unknown tokens of each input and of each target.
    """

    rows: PairRows
    targets: np.ndarray
    lengths: tuple[list[int], list[int]]
    cut: tuple[int, int]
    unknowns: tuple[list[int], list[int]]

    def unknown(self, side: int, splits: Sequence[str]) -> list[tuple[int, int]]:
        """Return unknown tokens and all tokens of the pairs that are not for training."""
        counts = zip(self.unknowns[side], self.lengths[side], splits, strict=True)
        return [(0, 0), *((unknown, length) for unknown, length, split in counts if split != "train")]


def source_row(ids: Sequence[int], longest: int) -> list[int]:
    """Return the row of an input alone."""
    return [*ids[: longest - 1], END]


def encode_pairs(sources: Sequence[str], targets: Sequence[str], schema: Schema, tokens: PairTokens) -> EncodedPairs:
    """Encode pairs.

    Args:
        sources: The inputs.
        targets: The targets.
        schema: Vocabularies, and the longest sides; longer ones lose their ends.
        tokens: What texts are split into.
    """
    encode = pair_encoder(schema.vocabulary, tokens)
    encode_target = pair_encoder(schema.target.names or schema.vocabulary, tokens)
    left, right = [encode(text) for text in sources], [encode_target(text) for text in targets]
    longest, longest_target = (size or 1 for size in schema.shape)
    outputs = [source_row(ids, longest_target) for ids in right]
    rows = [[*source_row(ids, longest), START, *output[:-1]] for ids, output in zip(left, outputs, strict=True)]
    lengths = [len(ids) + 1 for ids in left], [len(ids) + 1 for ids in right]
    return EncodedPairs(
        PairRows(flat(rows), np.cumsum([0, *map(len, rows)])),
        padded(outputs, longest_target),
        lengths,
        (sum(count > longest for count in lengths[0]), sum(count > longest_target for count in lengths[1])),
        ([ids.count(UNKNOWN) for ids in left], [ids.count(UNKNOWN) for ids in right]),
    )


def flat(rows: Iterable[Sequence[int]]) -> np.ndarray:
    """Return the ids of all rows one after another, int32."""
    return np.array([one for row in rows for one in row], np.int32)


def padded(rows: Sequence[Sequence[int]], longest: int) -> np.ndarray:
    """Return rows of ids, int32 (rows, longest), with 0 behind the shorter ones."""
    found = np.zeros((len(rows), longest), np.int32)
    for row, ids in zip(found, rows, strict=True):
        row[: len(ids)] = ids
    return found


def with_texts(splits: Splits, sources: Sequence[str], targets: Sequence[str]) -> Splits:
    """Add to splits the pairs as they are written."""

    def added(split: Split) -> Split:
        ids = split.ids.tolist()
        return replace(split, pairs=PairTexts(tuple(sources[k] for k in ids), tuple(targets[k] for k in ids)))

    validation = None if splits.validation is None else added(splits.validation)
    return replace(splits, train=added(splits.train), validation=validation, test=added(splits.test))
