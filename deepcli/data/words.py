"""Texts as word ids, as Keras keeps and encodes them: what its word data sets share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from deepcli.data.augmentation import FIRST_WORD, UNKNOWN_WORD
from deepcli.data.base import Signature, TokenDataset
from deepcli.errors import DataError
from deepcli.fields import Positive

if TYPE_CHECKING:
    import numpy as np

    from deepcli.data.splits import Tokens

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

    def encode(self, ranks: Tokens) -> Tokens:
        """Turn the word ranks of a file into the ids that the fields ask for."""
        return encode(ranks, self.vocabulary, self.skip_top, self.maxlen)

    def flatten(self, path: Path, texts: np.ndarray, labels: np.ndarray) -> tuple[Tokens, np.ndarray]:
        """Lay texts end to end and check that they are what the layout says.

        Raises:
            DataError: They are not.
        """
        from itertools import chain

        import numpy as np

        from deepcli.data.splits import Tokens

        if texts.ndim != 1 or labels.shape != texts.shape or not np.isin(labels, np.arange(self.classes)).all():
            raise DataError(f"{path}: should hold one label from 0 to {self.classes - 1} for each text")
        if len(labels) < 2:
            raise DataError(f"{path}: holds {len(labels)} texts, too few to train on")
        try:
            lengths = np.fromiter(map(len, texts), np.int64, len(texts))
            values = np.fromiter(chain.from_iterable(texts), np.int64, int(lengths.sum()))
        except (TypeError, ValueError, OverflowError):
            raise DataError(f"{path}: a text is not a list of word ids") from None
        if len(values) and (values.min() < 0 or values.max() > 10 * self.words):
            raise DataError(f"{path}: holds word ids outside 0 to {10 * self.words}")
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        return Tokens(values.astype(np.int32), offsets), labels.astype(np.int32)


def encode(ranks: Tokens, num_words: int | None, skip_top: int, maxlen: int | None) -> Tokens:
    """Turn word ranks into ids as `keras.datasets.imdb.load_data` does, then keep the last `maxlen` of each.

    (Keras's own `maxlen` drops whole texts instead; `pad_sequences` is what keeps the last ids there. And with
    `num_words` None, Keras leaves the word of the highest rank out; here all are kept.)
    """
    import numpy as np

    from deepcli.data.splits import Tokens

    count = len(ranks)
    values = np.insert(ranks.values + INDEX_FROM, ranks.offsets[:-1], START)
    left_out = values < skip_top if num_words is None else (values >= num_words) | (values < skip_top)
    values = np.where(left_out, UNKNOWN, values).astype(np.int32)
    offsets = ranks.offsets + np.arange(count + 1)
    if maxlen is None:
        return Tokens(values, offsets)
    lengths = np.minimum(np.diff(offsets), maxlen)
    ends = np.repeat(offsets[1:], lengths)
    kept = np.concatenate([[0], np.cumsum(lengths)])
    positions = ends - np.repeat(kept[1:], lengths) + np.arange(kept[-1])
    return Tokens(values[positions], kept)
