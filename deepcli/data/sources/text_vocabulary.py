"""The tokens of a running text: characters, words, bytes or byte pairs; joined, they are the text again."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal

from deepcli.data.schema import UNKNOWN_TOKEN
from deepcli.data.schema_reading import BYTES
from deepcli.data.sources.byte_pairs import USUAL_PAIRS, BytePairs
from deepcli.data.sources.vocabulary import MAX_LETTERS, MAX_VOCABULARY, MIN_COUNT

TextTokens = Literal["characters", "words", "bytes", "bpe"]
LEARNED = ("words", "bpe")
"""Tokens that do not reach over a space, and whose number can be chosen."""
COMPLETE = ("bytes", "bpe")
"""Tokens of which every text consists, so that none is unknown."""
WORD = re.compile(r" ?\w+(?:['\u2019]\w+)*| ?[^\w\s]|\s")
"""A word with the space before it, as in GPT-2, so that the tokens of a text are the text: a sign or a space is one too."""
USUAL_WORDS = 20_000
"""Maximum size of a vocabulary of words, if none is said."""


def pieces_of(text: str, tokens: TextTokens) -> Sequence[str]:
    """Split a text into its tokens, other than byte pairs; bytes are characters below 256."""
    if tokens == "words":
        return WORD.findall(text)
    return text.encode("utf-8", "surrogatepass").decode("latin-1") if tokens == "bytes" else text


def token_counter(vocabulary: Sequence[str], tokens: TextTokens) -> Callable[[str], int]:
    """Return what counts the tokens of a text."""
    if tokens == "bpe":
        pairs = BytePairs(tuple(vocabulary))
        return lambda text: len(pairs.encode(text))
    return lambda text: most_tokens(text, tokens)


def most_tokens(text: str, tokens: TextTokens) -> int:
    """Return how many tokens a text has; of byte pairs, which are slow to count, how many it has at most."""
    if tokens == "bpe":
        return len(text.encode("utf-8", "surrogatepass"))
    return len(pieces_of(text, tokens)) if tokens == "words" or not text.isascii() else len(text)


def text_vocabulary(pieces: Iterable[str], tokens: TextTokens, size: int | None) -> tuple[str, ...]:
    """Collect the different tokens of the training text; the number of an entry is its id.

    Args:
        pieces: The training text; words are whole.
        tokens: What it is split into.
        size: Maximum number of entries, of words or byte pairs; the most frequent ones are kept. None: a usual number.

    Returns:
        The unknown token, then characters by code point, or words by frequency. Words that occur once are left out: the
        unknown token stands for them, so that its probability is learned. For bytes, all 256, without an unknown one; for
        byte pairs, these and then the pairs, as in `BytePairs`.
    """
    if tokens == "bytes":
        return BYTES
    if tokens == "bpe":
        return BytePairs.train(pieces, size or USUAL_PAIRS).tokens
    if tokens == "characters":
        signs: set[str] = set()
        for piece in pieces:
            signs.update(piece)
        return (UNKNOWN_TOKEN, *sorted(signs))
    counts: Counter[str] = Counter()
    for piece in pieces:
        counts.update(WORD.findall(piece))
    kept = sorted((-count, word) for word, count in counts.items() if count >= MIN_COUNT and len(word) <= MAX_LETTERS)
    room = min(size or USUAL_WORDS, MAX_VOCABULARY) - 1
    return (UNKNOWN_TOKEN, *(word for _, word in kept[:room]))


def unknown_signs(text: str, vocabulary: Sequence[str], tokens: TextTokens) -> Iterator[str]:
    """Yield the tokens of a text that a vocabulary lacks, each as often as it occurs."""
    if tokens in COMPLETE:
        return iter(())
    known = set(vocabulary[1:])
    return (piece for piece in pieces_of(text, tokens) if piece not in known)


def first_token(vocabulary: Sequence[str]) -> int:
    """Return the token that a text without a prompt begins after: a newline, or the first one if training has none."""
    return vocabulary.index("\n") if "\n" in vocabulary else min(1, len(vocabulary) - 1)
