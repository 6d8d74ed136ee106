"""Sequences of token ids: in memory, or in files from which they are read when a batch needs them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepcli.data.arrays.mapped_files import is_mapped
from deepcli.data.arrays.stored_rows import PIECE_BYTES, StoredInputs, free_memory, is_large, is_small
from deepcli.data.arrays.stored_slices import StoredSlices

ID_BYTES = np.dtype(np.int32).itemsize


@dataclass(frozen=True)
class Tokens:
    """Sequences of token ids, of any length, stored one after another.

    Attributes:
        values: int32, all ids of all sequences.
        offsets: int64, one more than the number of sequences; sequence i is values[offsets[i]:offsets[i + 1]].
    """

    values: np.ndarray
    offsets: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        """Length of each sequence."""
        return np.diff(self.offsets)

    @property
    def sizes(self) -> np.ndarray:
        """What sequences are sorted by, so that similar ones share a batch: their length."""
        return self.lengths

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def sequence(self, index: int) -> np.ndarray:
        """Return the ids of one sequence, int32 (length,)."""
        ids: np.ndarray = self.values[self.offsets[index] : self.offsets[index + 1]]
        return ids

    def __getitem__(self, indices: np.ndarray) -> Tokens:
        lengths = self.lengths[indices]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        begins = self.offsets[indices]
        pieces = [
            self.values[begin:end] for begin, end in zip(begins.tolist(), (begins + lengths).tolist(), strict=True)
        ]
        return Tokens(np.concatenate([self.values[:0], *pieces]), offsets)

    def pieces(self) -> Iterator[Tokens]:
        """Yield all sequences in groups of a few MiB."""
        offsets = np.concatenate([[0], np.cumsum(self.lengths)])
        borders = np.arange(0, int(offsets[-1]), PIECE_BYTES // ID_BYTES)
        starts = np.unique(np.searchsorted(offsets, borders)).tolist()
        for start, end in itertools.pairwise(sorted({0, *starts, len(self)})):
            yield self[np.arange(start, end)]

    def sequences(self) -> Iterator[np.ndarray]:
        """Yield the ids of each sequence, int32 (length,)."""
        return (piece.sequence(k) for piece in self.pieces() for k in range(len(piece)))

    def padded(self) -> np.ndarray:
        """Return the ids of each sequence with 0 behind the shorter ones, int32 (sequences, longest)."""
        inside = np.arange(int(self.lengths.max(initial=0))) < self.lengths[:, None]
        found = np.zeros(inside.shape, np.int32)
        found[inside] = self.values[int(self.offsets[0]) : int(self.offsets[-1])]
        return found


class StoredTokens(Tokens):
    """Sequences whose ids stay in one or several files, in any order; some of them are in memory when they are asked for.

    Threads may read at the same time. `values` reads everything.

    Args:
        parts: The ids in each file, integers (ids,), mapped into memory.
        begins: The place of the first id of each sequence, int64 (sequences,), counted over all files.
        lengths: The length of each sequence, int64 (sequences,).
        free: Bytes of memory that were free when it was decided not to hold them.
    """

    def __init__(self, parts: Sequence[np.ndarray], begins: np.ndarray, lengths: np.ndarray, free: int = 0) -> None:
        self.slices = StoredSlices(parts, np.int32, float(lengths.mean()) if len(lengths) else 0.0)
        self.begins, self.counts, self.free = begins, lengths, free

    @classmethod
    def joined(cls, inputs: Sequence[Tokens]) -> StoredTokens:
        """Return sequences one after another, those that are stored in their files still."""
        parts: list[np.ndarray] = []
        begins, first = [], 0
        for one in inputs:
            inside = one.slices.parts if isinstance(one, StoredTokens) else [one.values]
            begins.append(first + (one.begins if isinstance(one, StoredTokens) else one.offsets[:-1]))
            parts += inside
            first += sum(map(len, inside))
        free = max(one.free for one in inputs if isinstance(one, StoredTokens))
        return cls(parts, np.concatenate(begins), np.concatenate([one.lengths for one in inputs]), free)

    @property
    def nbytes(self) -> int:
        """Bytes of all ids as models take them."""
        return int(self.counts.sum()) * ID_BYTES

    @property
    def stored(self) -> StoredInputs:
        """What stays in files."""
        return StoredInputs(id(self), self.nbytes, self.free)

    @property
    def values(self) -> np.ndarray:
        return self.slices.read(self.begins, self.counts)

    @property
    def offsets(self) -> np.ndarray:
        return np.concatenate([[0], np.cumsum(self.counts)])

    @property
    def lengths(self) -> np.ndarray:
        return self.counts

    def __len__(self) -> int:
        return len(self.counts)

    def sequence(self, index: int) -> np.ndarray:
        return self[np.array([index])].values

    def __getitem__(self, indices: np.ndarray) -> Tokens:
        lengths = self.counts[indices]
        return Tokens(self.slices.read(self.begins[indices], lengths), np.concatenate([[0], np.cumsum(lengths)]))

    def __reduce__(self) -> tuple[Any, ...]:
        # An open file cannot be pickled, and its name may be given to another file meanwhile.
        return Tokens, (self.values, self.offsets)

    def in_memory(self) -> Tokens:
        """Return all sequences, read into memory."""
        return Tokens(self.values, self.offsets)

    def part(self, places: np.ndarray) -> Tokens:
        """Return some of the sequences, in their files still unless they are few."""
        lengths = self.counts[places]
        if is_small(int(lengths.sum()) * ID_BYTES):
            return self[places]
        return StoredTokens(self.slices.parts, self.begins[places], lengths, self.free)


def stored_tokens(x: Tokens, besides: Sequence[Tokens] = ()) -> Tokens:
    """Return sequences that are mapped into memory as sequences that stay in their files, if they are too large to be held.

    Args:
        x: The sequences.
        besides: Sequences that are needed at the same time.
    """
    if type(x) is not Tokens or not is_mapped(x.values) or not is_large(sum(map(_size, (x, *besides)))):
        return x
    return StoredTokens([x.values], np.array(x.offsets[:-1]), x.lengths, free_memory())


def _size(x: Tokens) -> int:
    return int(x.lengths.sum()) * ID_BYTES


def joined_tokens(parts: Sequence[Tokens]) -> Tokens:
    """Return sequences one after another: in memory, unless some are in files and all of them too large to be held."""
    if any(isinstance(part, StoredTokens) for part in parts):
        whole = StoredTokens.joined(parts)
        return whole if is_large(whole.nbytes) else whole.in_memory()
    if len(parts) == 1:
        return parts[0]
    values = np.concatenate([part.values for part in parts])
    lengths = np.concatenate([part.lengths for part in parts])
    return Tokens(values, np.concatenate([[0], np.cumsum(lengths)]))
