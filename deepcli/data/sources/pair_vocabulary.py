"""The tokens of pairs of texts, behind four reserved ones; joined, they are the text again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Literal

from deepcli.data.schema import PAIR_RESERVED, UNKNOWN_TOKEN
from deepcli.data.sources.byte_pairs import BytePairs
from deepcli.data.sources.text_vocabulary import pieces_of, text_vocabulary

PairTokens = Literal["words", "characters", "bpe"]
PADDING, START, UNKNOWN, END = range(len(PAIR_RESERVED))
"""Ids of the reserved tokens."""


def as_written(text: str, tokens: PairTokens) -> str:
    """Return a text as it is split: a word has the space before it, so that it is the same token everywhere in a text."""
    return text if tokens == "characters" else f" {text}"


def pair_vocabulary(texts: Iterable[str], tokens: PairTokens, size: int | None) -> tuple[str, ...]:
    """Collect the tokens of the training texts of a side; the number of an entry is its id.

    Args:
        texts: The texts.
        tokens: What they are split into.
        size: Maximum number of entries, of words or byte pairs; None: a usual number.

    Returns:
        The reserved tokens, then characters by code point, words by frequency, or the bytes and byte pairs. Words that
        occur once are left out: the unknown token stands for them.
    """
    room = None if size is None else max(size - len(PAIR_RESERVED) + (tokens == "words"), 1)
    found = text_vocabulary((as_written(text, tokens) for text in texts), tokens, room)
    return (*PAIR_RESERVED, *(found[1:] if found[:1] == (UNKNOWN_TOKEN,) else found))


@lru_cache(maxsize=4)
def pair_encoder(vocabulary: tuple[str, ...], tokens: PairTokens) -> Callable[[str], list[int]]:
    """Return what turns a text into ids."""
    if tokens == "bpe":
        pairs = BytePairs(vocabulary[len(PAIR_RESERVED) :])
        return lambda text: [number + len(PAIR_RESERVED) for number in pairs.encode(as_written(text, tokens))]
    ids = {token: number for number, token in enumerate(vocabulary) if number >= len(PAIR_RESERVED)}
    return lambda text: [ids.get(piece, UNKNOWN) for piece in pieces_of(as_written(text, tokens), tokens)]


def pair_decoder(vocabulary: Sequence[str], tokens: PairTokens) -> Callable[[Iterable[int]], str]:
    """Return what turns ids into the text that they are of, up to the end token."""
    if tokens == "bpe":
        pairs = BytePairs(tuple(vocabulary[len(PAIR_RESERVED) :]))
        known = range(len(PAIR_RESERVED), len(vocabulary))
        return lambda ids: pairs.decode(one - len(PAIR_RESERVED) for one in _inside(ids) if one in known).strip()
    return lambda ids: "".join(vocabulary[number] for number in _inside(ids)).strip()


def token_names(vocabulary: Sequence[str], tokens: PairTokens) -> tuple[str, ...]:
    """Return the tokens as people read them."""
    if tokens != "bpe":
        return tuple(vocabulary)
    return (*PAIR_RESERVED, *BytePairs(tuple(vocabulary[len(PAIR_RESERVED) :])).names)


def _inside(ids: Iterable[int]) -> Iterator[int]:
    for number in ids:
        if number in (END, PADDING):
            return
        if number != START:
            yield number
