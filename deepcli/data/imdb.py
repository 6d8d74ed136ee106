"""IMDB movie reviews as word ids, as Keras keeps and encodes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from deepcli.data.base import DATASETS, Signature, TokenDataset
from deepcli.data.files import DataFile, Sources, find
from deepcli.errors import DataError
from deepcli.fields import Positive

if TYPE_CHECKING:
    import numpy as np

    from deepcli.data.splits import Raw, Tokens

FILE = DataFile(
    "imdb.npz",
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/imdb.npz",
    "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f",
)
WORDS = 88_584
PADDING, START, UNKNOWN, INDEX_FROM = 0, 1, 2, 3


@DATASETS.register
class Imdb(TokenDataset):
    """25,000 + 25,000 movie reviews, positive or negative, as word ids (Maas et al. 2011), from Keras's cache.

    Ids are encoded as Keras does: 1 starts a review, 2 is a word that is left out, words follow by rank from 4.
    """

    type: Literal["imdb"] = "imdb"
    num_words: Annotated[int, Field(gt=4)] | None = Field(
        10_000, description="Ids from here on are left out (2 in their place); null keeps all 88,584 words."
    )
    maxlen: Positive | None = Field(200, description="Longest sequence; of a longer one the last ids are kept.")
    skip_top: Annotated[int, Field(ge=0)] = Field(0, description="Ids below it, the commonest words, are left out.")

    @property
    def signature(self) -> Signature:
        vocabulary = min(self.num_words or WORDS + INDEX_FROM + 1, WORDS + INDEX_FROM + 1)
        return Signature("tokens", (self.maxlen,), 2, 25_000, vocabulary, self.augmentation)

    def read(self, sources: Sources) -> Raw:
        import hashlib

        from deepcli.data.archive import read_npz
        from deepcli.data.splits import Provenance, Raw

        path = find(FILE, self.path, sources)
        arrays = read_npz(path, ("x_train", "y_train", "x_test", "y_test"), objects=("x_train", "x_test"))
        digest = hashlib.sha256()
        splits = []
        for split in ("train", "test"):
            ranks, labels = _flatten(str(path), arrays[f"x_{split}"], arrays[f"y_{split}"])
            for part in (ranks.values, ranks.offsets, labels):
                digest.update(part.tobytes())
            splits.append((encode(ranks, self.num_words, self.skip_top, self.maxlen), labels))
        fingerprint = digest.hexdigest()
        return Raw(splits[0], splits[1], Provenance(str(path), _is_published(path), fingerprint))


def _is_published(path: object) -> bool:
    import hashlib
    from pathlib import Path

    return hashlib.sha256(Path(str(path)).read_bytes()).hexdigest() == FILE.sha256


def _flatten(path: str, reviews: np.ndarray, labels: np.ndarray) -> tuple[Tokens, np.ndarray]:
    """Lay reviews end to end and check that they are what the layout says."""
    from itertools import chain

    import numpy as np

    from deepcli.data.splits import Tokens

    if reviews.ndim != 1 or labels.shape != reviews.shape or not len(labels) or not np.isin(labels, (0, 1)).all():
        raise DataError(f"{path}: should hold one label, 0 or 1, for each review")
    try:
        lengths = np.fromiter(map(len, reviews), np.int64, len(reviews))
        values = np.fromiter(chain.from_iterable(reviews), np.int64, int(lengths.sum()))
    except (TypeError, ValueError, OverflowError):
        raise DataError(f"{path}: a review is not a list of word ids") from None
    if len(values) and (values.min() < 0 or values.max() > 10 * WORDS):
        raise DataError(f"{path}: holds word ids outside 0 to {10 * WORDS}")
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return Tokens(values.astype(np.int32), offsets), labels.astype(np.int32)


def encode(ranks: Tokens, num_words: int | None, skip_top: int, maxlen: int | None) -> Tokens:
    """Turn word ranks into ids as `keras.datasets.imdb.load_data` does, then keep the last `maxlen` of each.

    (Keras's own `maxlen` drops whole reviews instead; `pad_sequences` is what keeps the last ids there.)
    """
    import numpy as np

    from deepcli.data.splits import Tokens

    count = len(ranks)
    values = np.insert(ranks.values + INDEX_FROM, ranks.offsets[:-1], START)
    limit = num_words or WORDS + INDEX_FROM + 1
    values = np.where((values >= limit) | (values < skip_top), UNKNOWN, values).astype(np.int32)
    offsets = ranks.offsets + np.arange(count + 1)
    if maxlen is None:
        return Tokens(values, offsets)
    lengths = np.minimum(np.diff(offsets), maxlen)
    ends = np.repeat(offsets[1:], lengths)
    kept = np.concatenate([[0], np.cumsum(lengths)])
    positions = ends - np.repeat(kept[1:], lengths) + np.arange(kept[-1])
    return Tokens(values[positions], kept)
