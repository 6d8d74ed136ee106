"""Encodes a running text as one array of tokens, and cuts it into the windows of each split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from deepcli.data.arrays.splits import Split
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
        text = TextWindows(self.tokens, begins, window, self.characters[split] / max(count, 1))
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
    whole = aligned_tokens(count, smallest_dtype(len(vocabulary)))
    encode = make_encoder(vocabulary, tokens)
    unknown = tuple(Counter[str]() for _ in range(splits))
    ends, characters, done = [0] * splits, [0] * splits, 0
    for split, piece in pieces:
        ids = encode(piece)
        whole[done : done + len(ids)] = ids
        done += len(ids)
        ends[split], characters[split] = done, characters[split] + len(piece)
        if tokens not in COMPLETE and not ids.all():
            found = pieces_of(piece, tokens)
            unknown[split].update(found[place] for place in np.flatnonzero(ids == 0).tolist())
    for split in range(1, splits):
        ends[split] = max(ends[split], ends[split - 1])
    return EncodedText(whole[:done], tuple(ends), tuple(characters), unknown)


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


def decoder(vocabulary: Sequence[str], tokens: TextTokens) -> Callable[[Iterable[int]], Iterator[str]]:
    """Return what turns ids into pieces of text as they arrive; bytes of one character come out together."""
    if tokens in COMPLETE:
        return (BytePairs() if tokens == "bytes" else BytePairs(tuple(vocabulary))).stream
    return lambda ids: (vocabulary[number] for number in ids)
