"""Base class of Keras's word data sets: texts as word ids, stored and encoded as in Keras."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from deepcli.data.augmentation import FIRST_WORD, UNKNOWN_WORD
from deepcli.data.base import TokenDataset
from deepcli.data.encoding import encode_row, encode_text
from deepcli.data.files import DataFile, Sources, find
from deepcli.data.lexicon import Lexicon
from deepcli.data.signature import Signature
from deepcli.spec.fields import Positive

if TYPE_CHECKING:
    import numpy as np

    from deepcli.data.arrays.splits import Tokens

START, UNKNOWN, INDEX_FROM = 1, UNKNOWN_WORD, FIRST_WORD - 1
AT_ONCE = 10_000
"""Texts that are encoded at a time."""


def word_index(name: str) -> DataFile:
    """Return Keras's file of the words of a data set; nobody publishes a hash of it that can be cited."""
    file = f"{name}_word_index.json"
    url = f"https://storage.googleapis.com/tensorflow/tf-keras-datasets/{file}"
    return DataFile(file, url, None, check=lambda path: Lexicon.of_ranks(path, (), 0, 1))


class WordDataset(TokenDataset):
    """Texts as word ids: 1 starts a text, 2 replaces words that are left out, words follow by rank from 4."""

    words: ClassVar[int]
    classes: ClassVar[int]
    examples: ClassVar[int]
    word_index: ClassVar[DataFile]

    num_words: Annotated[int, Field(gt=4)] | None = Field(
        10_000, description="Word ids from this number on are replaced by 2; null keeps all words."
    )
    maxlen: Positive | None = Field(200, description="Maximum sequence length; longer sequences keep their last ids.")
    skip_top: Annotated[int, Field(ge=0)] = Field(
        0, description="Ids below this number, the most frequent words, are replaced by 2."
    )

    @property
    def vocabulary(self) -> int:
        """Vocabulary size; ids are below it."""
        all_words = self.words + INDEX_FROM + 1
        return min(self.num_words or all_words, all_words)

    @property
    def signature(self) -> Signature:
        return Signature("tokens", (self.maxlen,), self.classes, self.examples, self.vocabulary, self.augmentation)

    def lexicon(self, sources: Sources) -> Lexicon:
        folder = None
        if self.path is not None:  # the user's own data may have other words than the published data
            given = Path(self.path).expanduser()
            folder = str(given if given.is_dir() else given.parent)
        path = find(self.word_index, folder, sources)
        return Lexicon.of_ranks(path, ("", "<start>", "<left out>"), INDEX_FROM, self.vocabulary)

    @property
    def first(self) -> int | None:
        return START if self.skip_top <= START else None

    def tokenize(self, texts: Sequence[str], lexicon: Lexicon) -> Tokens:
        import numpy as np

        from deepcli.data.arrays.splits import Tokens

        encoded = [
            encode_text(text, lexicon.ids, self.vocabulary, START, UNKNOWN, self.skip_top, self.maxlen)
            for text in texts
        ]
        values = np.array([token for ids in encoded for token in ids], np.int32)
        return Tokens(values, np.cumsum([0, *map(len, encoded)]))

    def take(self, row: Any) -> np.ndarray:
        ids: np.ndarray = encode_row(row, self.vocabulary, UNKNOWN, self.skip_top, self.maxlen)
        return ids

    def encode(self, ranks: Tokens) -> Tokens:
        """Turn the word ranks of a file into ids, as the fields of this data set say."""
        return encode(ranks, self.vocabulary, self.skip_top, self.maxlen)


def encode(ranks: Tokens, num_words: int | None, skip_top: int, maxlen: int | None) -> Tokens:
    """Turn word ranks into ids as `keras.datasets.imdb.load_data` does, then keep the last `maxlen` of each text.

    Two things differ from Keras. Its own `maxlen` drops whole texts (there, `pad_sequences` keeps the last ids). And with
    `num_words` None, it leaves out the word of the highest rank; here all words are kept.
    """
    import numpy as np

    from deepcli.data.arrays.made_arrays import made_of
    from deepcli.data.arrays.splits import Tokens

    lengths = np.diff(ranks.offsets) + 1  # including the start id
    kept = lengths if maxlen is None else np.minimum(lengths, maxlen)
    ends = ranks.offsets[1:]
    begins = np.maximum(ranks.offsets[:-1], ends - kept)
    start = np.array([START - INDEX_FROM], np.int32)

    def encoded(texts: slice) -> np.ndarray:
        pieces = [start[:0]]
        for begin, end, whole in zip(*(part[texts].tolist() for part in (begins, ends, kept == lengths)), strict=True):
            if whole:
                pieces.append(start)
            pieces.append(ranks.values[begin:end])
        values = np.concatenate(pieces)
        values += INDEX_FROM
        if num_words is not None:
            values[values >= num_words] = UNKNOWN
        values[values < skip_top] = UNKNOWN
        return values

    pieces = (encoded(slice(first, first + AT_ONCE)) for first in range(0, len(kept), AT_ONCE))
    return Tokens(made_of(pieces, (int(kept.sum()),), np.int32), np.concatenate([[0], np.cumsum(kept)]))
