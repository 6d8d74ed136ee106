"""Vocabularies of own texts, and the sequence length that suits them; both from the training split alone."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Literal, NamedTuple

from deepcli.data.schema import RESERVED
from deepcli.data.sources.findings import Finding
from deepcli.data.tokenizing import UNSPACED, shape_of, split_tokens
from deepcli.errors import DataError

TokenKind = Literal["words", "characters"]
MIN_COUNT = 2
"""Words that are seen once are left out, so that the id of unknown words is seen in training."""
MAX_VOCABULARY = 1_000_000
MAX_LETTERS = 100
"""Maximum length of a word: what is longer is encoded data or a broken file."""
LONGEST = 512
"""Maximum default sequence length: the time of a training step grows with it."""
WHOLE, ENOUGH = 0.99, 0.95
TAIL = 1.5
LOOKED_AT = 1_000
_UNSPACED = re.compile(f"[{UNSPACED}]")


def build_vocabulary(
    texts: Iterable[str], tokens: TokenKind, num_words: int | None, min_count: int = MIN_COUNT
) -> tuple[str, ...]:
    """Count the tokens of the training texts; the number of an entry is its id.

    Args:
        texts: The texts of the training split.
        tokens: `words` or `characters`.
        num_words: Maximum number of entries, including those of `RESERVED`; the most frequent are kept. None keeps all.
        min_count: Tokens with fewer occurrences are left out; words with digits count for their shape, such as `00000`.

    Returns:
        `RESERVED`, then the tokens by frequency, equally frequent ones by code point.

    Raises:
        DataError: No token is frequent enough.
    """
    counts: Counter[str] = Counter()
    seen = 0
    for text in texts:
        counts.update(split_tokens(text, tokens))
        seen += 1
    if tokens == "words":
        for token in [token for token, count in counts.items() if count < min_count]:
            if (shape := shape_of(token)) != token:
                counts[shape] += counts.pop(token)
    kept = [(-count, token) for token, count in counts.items() if count >= min_count and len(token) <= MAX_LETTERS]
    if not kept:
        found = f"{len(counts):,} different {tokens}, none of them {min_count} times" if counts else f"no {tokens}"
        raise DataError(f"the {seen:,} training texts have {found}; check that the right column or files are read")
    room = min(num_words or MAX_VOCABULARY, MAX_VOCABULARY) - len(RESERVED)
    return (*RESERVED, *(token for _, token in sorted(kept)[: max(room, 0)]))


class Maxlen(NamedTuple):
    """A maximum sequence length and the reason for it."""

    value: int
    reason: str


def default_maxlen(lengths: Iterable[int]) -> Maxlen:
    """Choose the maximum sequence length for training texts of these lengths, including the start.

    99 % of the texts stay whole; 95 % if keeping 99 % would need more than 1.5 times that length. It is a multiple of 8,
    and at most 512. If all texts fit into 1.5 times the length of 95 % of them, all stay whole.

    Raises:
        DataError: There are no lengths.
    """
    ordered = sorted(lengths)
    if not ordered:
        raise DataError("there are no training texts to choose a maximum sequence length from; set data.maxlen")
    enough, whole, longest = (_quantile(ordered, share) for share in (ENOUGH, WHOLE, 1.0))
    fitting = next(length for length in (longest, whole, enough) if length <= TAIL * enough)
    value = min(-(-fitting // 8) * 8, LONGEST)
    kept = sum(length <= value for length in ordered) / len(ordered)
    # Rounded down, so that only texts that are all whole are called 100 %.
    share = f"{int(kept * 1000) / 10:g} % of the training texts are whole; the longest has {longest:,} tokens"
    return Maxlen(value, f"the maximum, {LONGEST}; {share}" if fitting > LONGEST else share)


def _quantile(ordered: Sequence[int], share: float) -> int:
    """Return the smallest length that this share of the texts does not exceed."""
    # The share is rounded against errors such as 0.99 * 100 > 99.
    return ordered[max(math.ceil(round(share * len(ordered), 6)), 1) - 1]


def unspaced_findings(texts: Iterable[str], tokens: TokenKind, where: str) -> tuple[Finding, ...]:
    """Report texts in scripts without spaces between words, of which the first 1,000 are looked at."""
    letters = unspaced = 0
    for text in islice(texts, LOOKED_AT):
        if not text.isascii():
            unspaced += len(_UNSPACED.findall(text))
        letters += sum(map(str.isalpha, text))
    if tokens == "characters" or unspaced < 0.1 * max(letters, 1):
        return ()
    share = round(100 * unspaced / letters)
    return (
        Finding(
            "no-spaces",
            "note",
            where,
            f"{share} % of the letters belong to scripts without spaces between words (Chinese, Japanese, Thai, …), and "
            "each of these letters is a token; put spaces between the words with a segmenter if words are wanted",
        ),
    )
