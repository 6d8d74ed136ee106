"""Encodes own texts as token ids."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from deepcli.data.arrays.splits import Tokens
from deepcli.data.schema import RESERVED
from deepcli.data.tokenizing import encode_own_text


def ids_of(vocabulary: Sequence[str]) -> Mapping[str, int]:
    """Return the ids of the tokens of a vocabulary; the reserved entries are not tokens and have none."""
    return {token: number for number, token in enumerate(vocabulary) if number >= len(RESERVED) and token}


def encode_texts(texts: Iterable[str], vocabulary: Sequence[str], tokens: str, maxlen: int | None) -> Tokens:
    """Encode texts as ids: 1 starts a text, 2 is an unknown token, and the last `maxlen` ids are kept.

    Args:
        texts: The texts; an empty one is the start alone.
        vocabulary: Tokens by id; the first entries are those of `RESERVED`.
        tokens: `words` or `characters`.
        maxlen: Maximum number of ids of a text; None keeps all.
    """
    ids, values, lengths = ids_of(vocabulary), array("i"), array("q", [0])
    for text in texts:
        encoded = encode_own_text(text, ids, tokens, maxlen)
        values.extend(encoded)
        lengths.append(len(encoded))
    return Tokens(np.array(values, np.int32), np.cumsum(lengths, dtype=np.int64))


def unknown_share(tokens: Tokens) -> float:
    """Return the share of the tokens, the start not counted, that are not in the vocabulary; 0 without tokens."""
    counted = int((tokens.values != 1).sum())
    return int((tokens.values == 2).sum()) / counted if counted else 0.0
