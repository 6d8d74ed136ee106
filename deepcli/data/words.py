"""Texts as word ids, as Keras keeps and encodes them: what its word data sets share."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from deepcli.data.augmentation import FIRST_WORD, UNKNOWN_WORD
from deepcli.data.base import Signature, TokenDataset
from deepcli.data.files import Sources, keras_cache
from deepcli.fields import Positive

if TYPE_CHECKING:
    from deepcli.data.splits import Tokens

MAX_LEXICON_BYTES = 32 << 20
START, UNKNOWN, INDEX_FROM = 1, UNKNOWN_WORD, FIRST_WORD - 1


class WordDataset(TokenDataset):
    """Texts as word ids: 1 starts a text, 2 is a word that is left out, words follow by rank from 4."""

    words: ClassVar[int]
    classes: ClassVar[int]
    examples: ClassVar[int]

    num_words: Annotated[int, Field(gt=4)] | None = Field(
        10_000, description="Ids from here on are left out (2 in their place); null keeps all words."
    )
    maxlen: Positive | None = Field(200, description="Longest sequence; of a longer one the last ids are kept.")
    skip_top: Annotated[int, Field(ge=0)] = Field(0, description="Ids below it, the commonest words, are left out.")

    @property
    def vocabulary(self) -> int:
        """Ids are below it."""
        all_words = self.words + INDEX_FROM + 1
        return min(self.num_words or all_words, all_words)

    @property
    def signature(self) -> Signature:
        return Signature("tokens", (self.maxlen,), self.classes, self.examples, self.vocabulary, self.augmentation)

    def lexicon(self, sources: Sources) -> Sequence[str] | None:
        name = f"{self.type}_word_index.json"
        given = Path(self.path).expanduser() if self.path else None
        beside = given if given is None or given.is_dir() else given.parent
        folders = [folder for folder in (beside, sources.data_dir, keras_cache()) if folder is not None]
        path = next((folder / name for folder in folders if (folder / name).is_file()), None)
        return None if path is None else read_lexicon(path, self.vocabulary)

    def encode(self, ranks: Tokens) -> Tokens:
        """Turn the word ranks of a file into the ids that the fields ask for."""
        return encode(ranks, self.vocabulary, self.skip_top, self.maxlen)


def read_lexicon(path: Path, vocabulary: int) -> Sequence[str] | None:
    """Read Keras's file of words and their ranks; returns the words by id, or None if it is damaged or something else."""
    try:
        if path.stat().st_size > MAX_LEXICON_BYTES:
            return None
        ranks = json.loads(path.read_text(encoding="utf-8"))
        lexicon = ["", "<start>", "<left out>", *[""] * (vocabulary - UNKNOWN - 1)]
        for word, rank in ranks.items():
            if 0 < rank < vocabulary - INDEX_FROM:
                lexicon[rank + INDEX_FROM] = word
    except (OSError, ValueError, TypeError, AttributeError):
        return None
    return lexicon


def encode(ranks: Tokens, num_words: int | None, skip_top: int, maxlen: int | None) -> Tokens:
    """Turn word ranks into ids as `keras.datasets.imdb.load_data` does, then keep the last `maxlen` of each.

    (Keras's own `maxlen` drops whole texts instead; `pad_sequences` is what keeps the last ids there. And with
    `num_words` None, Keras leaves the word of the highest rank out; here all are kept.)
    """
    import numpy as np

    from deepcli.data.splits import Tokens

    lengths = np.diff(ranks.offsets) + 1  # with the start
    kept = lengths if maxlen is None else np.minimum(lengths, maxlen)
    ends = ranks.offsets[1:]
    begins = np.maximum(ranks.offsets[:-1], ends - kept)
    start = np.array([START - INDEX_FROM], np.int32)
    pieces = [start[:0]]
    for begin, end, whole in zip(begins.tolist(), ends.tolist(), (kept == lengths).tolist(), strict=True):
        if whole:
            pieces.append(start)
        pieces.append(ranks.values[begin:end])
    values = np.concatenate(pieces)
    values += INDEX_FROM
    if num_words is not None:
        values[values >= num_words] = UNKNOWN
    values[values < skip_top] = UNKNOWN
    return Tokens(values, np.concatenate([[0], np.cumsum(kept)]))
