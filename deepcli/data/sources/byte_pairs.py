"""Byte-pair encoding: tokens between characters and words, learned from a text; nothing is unknown, as bytes are tokens."""

from __future__ import annotations

import codecs
import itertools
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from deepcli.data.schema_reading import BYTES, LONGEST_PAIR
from deepcli.system.extras import demand

if TYPE_CHECKING:
    from tokenizers import Tokenizer

USUAL_PAIRS = 8_000
"""Maximum number of tokens, if none is said."""
FEWEST = 2
"""A pair that occurs once is not joined: what it stands for is not seen twice in training."""
CHUNK = 1 << 16
"""Characters that are encoded at a time: the library keeps some hundred bytes for each token while it works."""
# Between what is not a space and a space, the library always begins a new token, so that chunks do not change the tokens.
_BORDER = re.compile(r"(?<=\S)[ \n]")


@dataclass(frozen=True)
class BytePairs:
    """Byte-level byte-pair encoding, as in GPT-2: the number of a token is its id.

    A token is a string of characters below 256 that stand for bytes. The first 256 are single bytes; each further one
    joins two before it, and is joined before those that come later. The tokens are therefore all that is kept of it.

    Source: Sennrich et al. (2016), "Neural machine translation of rare words with subword units"; Radford et al. (2019)
    for bytes and for what is never joined: letters with digits or signs, and the end of a word with the next one.

    Attributes:
        tokens: The tokens by id.
    """

    tokens: tuple[str, ...] = BYTES

    @classmethod
    def train(cls, texts: Iterable[str], size: int = USUAL_PAIRS) -> BytePairs:
        """Learn from texts which bytes are joined; equal texts give equal tokens.

        Args:
            texts: The training texts.
            size: Maximum number of tokens; a short text gives fewer.

        Raises:
            UsageError: Hugging Face's `tokenizers` is not installed.
        """
        demand_tokenizers()
        from tokenizers import Tokenizer, models, pre_tokenizers, trainers

        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        trainer = trainers.BpeTrainer(
            vocab_size=max(size, len(BYTES)),
            min_frequency=FEWEST,
            show_progress=False,
            initial_alphabet=list(_LETTERS),
            max_token_length=LONGEST_PAIR,
        )
        tokenizer.train_from_iterator((chunk for text in texts for chunk in _chunks(text)), trainer)
        ids = tokenizer.get_vocab()
        learned = sorted((number, token) for token, number in ids.items() if len(token) > 1)
        return cls((*BYTES, *_joinable(token.translate(_BYTE_OF) for _, token in learned)))

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text.

        Raises:
            UsageError: Hugging Face's `tokenizers` is not installed.
        """
        return [number for chunk in _chunks(text) for number in self._tokenizer.encode(chunk).ids]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of ids; bytes that are not UTF-8 become U+FFFD."""
        return "".join(self.stream(ids))

    def stream(self, ids: Iterable[int]) -> Iterator[str]:
        """Yield the text of ids as they arrive; a character whose bytes are in several tokens comes with the last of them."""
        waiting = codecs.getincrementaldecoder("utf-8")("replace")
        for number in ids:
            yield waiting.decode(self.tokens[number].encode("latin-1"))
        yield waiting.decode(b"", final=True)

    @property
    def names(self) -> tuple[str, ...]:
        r"""The tokens as people read them; bytes that are a part of a character are written as `\xe2`."""
        return tuple(token.encode("latin-1").decode("utf-8", "backslashreplace") for token in self.tokens)

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        demand_tokenizers()
        from tokenizers import Tokenizer, models, pre_tokenizers

        written = [token.translate(_LETTER_OF) for token in self.tokens]
        pairs = [(first.translate(_LETTER_OF), second.translate(_LETTER_OF)) for first, second in _pairs(self.tokens)]
        tokenizer = Tokenizer(models.BPE({token: number for number, token in enumerate(written)}, pairs))
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        return tokenizer


def demand_tokenizers() -> None:
    """Check that Hugging Face's `tokenizers` is installed.

    Raises:
        UsageError: It is not.
    """
    demand("tokens: bpe", ("tokenizers",), "bpe")
    # Its threads do not survive a fork: it would warn in each process that is forked later, such as those of a sweep.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def _chunks(text: str) -> Iterator[str]:
    """Cut a text into chunks where a token begins; what is not Unicode, a lone surrogate, is replaced."""
    begin = 0
    while begin < len(text):
        border = _BORDER.search(text, begin + CHUNK)
        end = border.start() if border else len(text)
        chunk, begin = text[begin:end], end
        try:
            chunk.encode("utf-8")
        except UnicodeEncodeError:
            chunk = chunk.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        yield chunk


def _joinable(tokens: Iterable[str]) -> Iterator[str]:
    """Yield the tokens that two tokens before them make; one that can be made in several ways might have no such pair."""
    ranks: dict[tuple[str, str], int] = {}
    for token in tokens:
        parts = _joined(token, ranks)
        if len(parts) == 2:
            ranks[parts[0], parts[1]] = len(ranks)
            yield token


def _pairs(tokens: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return the two tokens that each token joins, in order; a token that is not made of two is never used."""
    ranks: dict[tuple[str, str], int] = {}
    for token in tokens[len(BYTES) :]:
        parts = _joined(token, ranks)
        if len(parts) == 2:
            ranks[parts[0], parts[1]] = len(ranks)
    return list(ranks)


def _joined(token: str, ranks: dict[tuple[str, str], int]) -> list[str]:
    """Split a token into the tokens before it."""
    parts = list(token)
    while len(parts) > 1:
        best = min(itertools.pairwise(parts), key=lambda pair: ranks.get(pair, len(ranks)))
        if best not in ranks:
            break
        joined, place = [], 0
        while place < len(parts):
            together = tuple(parts[place : place + 2]) == best
            joined.append("".join(best) if together else parts[place])
            place += 2 if together else 1
        parts = joined
    return parts


def _letters() -> str:
    """Return the characters that the library writes bytes as, by byte: those that can be seen, and others from U+0100."""
    seen = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in seen]
    return "".join(chr(byte) if byte in seen else chr(256 + hidden.index(byte)) for byte in range(256))


_LETTERS = _letters()
_LETTER_OF = dict(enumerate(_LETTERS))
_BYTE_OF = {ord(letter): chr(byte) for byte, letter in enumerate(_LETTERS)}
