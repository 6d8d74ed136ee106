"""Encodes own texts as token ids."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from deepcli.data.arrays.made_arrays import made_flat
from deepcli.data.arrays.splits import Tokens
from deepcli.data.schema import RESERVED
from deepcli.data.tokenizing import encode_own_text

PIECE = 1 << 20
"""Ids that are joined at a time."""


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
    ids, lengths = ids_of(vocabulary), array("q", [0])

    def pieces() -> Iterator[np.ndarray]:
        values = array("i")
        for text in texts:
            encoded = encode_own_text(text, ids, tokens, maxlen)
            values.extend(encoded)
            lengths.append(len(encoded))
            if len(values) >= PIECE:
                yield np.frombuffer(values, np.int32)
                values = array("i")
        yield np.array(values, np.int32)

    return Tokens(made_flat(pieces(), np.int32), np.cumsum(lengths, dtype=np.int64))


def unknown_share(tokens: Tokens) -> float:
    """Return the share of the tokens, the start not counted, that are not in the vocabulary; 0 without tokens."""
    counted = unknown = 0
    for piece in tokens.pieces():
        counted += int((piece.values != 1).sum())
        unknown += int((piece.values == 2).sum())
    return unknown / counted if counted else 0.0
