"""Encodes a running text as one array of tokens, and cuts it into the windows of each split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from deepcli.data.arrays.made_arrays import written
from deepcli.data.arrays.mapped_files import is_mapped
from deepcli.data.arrays.splits import Split
from deepcli.data.arrays.stored_rows import free_memory, is_large
from deepcli.data.arrays.text_windows import TextWindows, aligned_tokens, smallest_dtype
from deepcli.data.sources.byte_pairs import BytePairs
from deepcli.data.sources.text_vocabulary import COMPLETE, TextTokens, pieces_of

LARGEST = 0x110000
"""Characters of Unicode."""

Encoder = Callable[[str], np.ndarray]


@dataclass(frozen=True)
class EncodedText:
    """A running text as tokens.

    Attributes:
        tokens: uint8, uint16 or int32 (tokens,).
        ends: Where each split ends, in tokens.
        characters: Characters of each split.
        unknown: How often each token that the vocabulary lacks occurs, by split.
    """

    tokens: np.ndarray
    ends: tuple[int, ...]
    characters: tuple[int, ...]
    unknown: tuple[Counter[str], ...]

    def windows(self, split: int, window: int, stride: int, limit: int | None) -> Split:
        """Return the windows of a split; all of them lie inside it, and so do their targets.

        Args:
            split: The number of the split.
            window: Tokens of a window.
            stride: Tokens from the beginning of a window to that of the next.
            limit: Maximum number of windows.
        """
        begin = self.ends[split - 1] if split else 0
        count = self.ends[split] - begin
        begins = range(begin, begin + count - window, stride)
        free = free_memory() if is_mapped(self.tokens) else None
        text = TextWindows(self.tokens, begins, window, self.characters[split] / max(count, 1), free)
        return Split.of_text(text if limit is None else text.first(limit))


def encode_running_text(
    pieces: Iterable[tuple[int, str]], splits: int, count: int, vocabulary: Sequence[str], tokens: TextTokens
) -> EncodedText:
    """Encode a text.

    Args:
        pieces: The text, each piece with the number of its split, in order; words are whole.
        splits: Number of splits.
        count: Number of tokens, or more.
        vocabulary: Tokens by id.
        tokens: What the text is split into.
    """
    encode = make_encoder(vocabulary, tokens)
    unknown = tuple(Counter[str]() for _ in range(splits))
    ends, characters = [0] * splits, [0] * splits

    def encoded() -> Iterator[np.ndarray]:
        done = 0
        for split, piece in pieces:
            ids = encode(piece)
            done += len(ids)
            ends[split], characters[split] = done, characters[split] + len(piece)
            if tokens not in COMPLETE and not ids.all():
                found = pieces_of(piece, tokens)
                unknown[split].update(found[place] for place in np.flatnonzero(ids == 0).tolist())
            yield ids

    whole = _joined(encoded(), count, smallest_dtype(len(vocabulary)))
    for split in range(1, splits):
        ends[split] = max(ends[split], ends[split - 1])
    return EncodedText(whole, tuple(ends), tuple(characters), unknown)


def _joined(pieces: Iterable[np.ndarray], count: int, dtype: np.dtype) -> np.ndarray:
    """Join ids, at most `count`: in memory, or in a file if they are too large for it."""
    if is_large(count * dtype.itemsize):
        return written(pieces, None, dtype, count * dtype.itemsize)
    whole, done = aligned_tokens(count, dtype), 0
    for ids in pieces:
        whole[done : done + len(ids)] = ids
        done += len(ids)
    return whole[:done]


def make_encoder(vocabulary: Sequence[str], tokens: TextTokens) -> Encoder:
    """Return what turns a text into ids; 0 for what the vocabulary lacks."""
    if tokens == "bytes":
        return lambda text: np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8)
    if tokens == "bpe":
        pairs = BytePairs(tuple(vocabulary))
        return lambda text: np.array(pairs.encode(text), np.int32)
    if tokens == "words":
        ids = {word: number for number, word in enumerate(vocabulary) if number}
        return lambda text: np.array([ids.get(word, 0) for word in pieces_of(text, tokens)], np.int32)
    table = np.zeros(LARGEST, smallest_dtype(len(vocabulary)))
    table[[ord(sign) for sign in vocabulary[1:]]] = np.arange(1, len(vocabulary))

    def encode(text: str) -> np.ndarray:
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
        found: np.ndarray = table[codes]
        return found

    return encode


def decoder(
    vocabulary: Sequence[str], tokens: TextTokens, unfinished: bool = False
) -> Callable[[Iterable[int]], Iterator[str]]:
    """Return what turns ids into pieces of text as they arrive; bytes of one character come out together.

    Args:
        vocabulary: Tokens by id.
        tokens: What they are.
        unfinished: Whether ids may end inside a character, which is then left out.
    """
    if tokens in COMPLETE:
        pairs = BytePairs() if tokens == "bytes" else BytePairs(tuple(vocabulary))
        return lambda ids: pairs.stream(ids, unfinished)
    return lambda ids: (vocabulary[number] for number in ids)
