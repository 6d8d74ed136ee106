"""IMDB movie reviews as word ids, stored and encoded as in Keras."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from deepcli.data.base import DATASETS
from deepcli.data.files import DataFile, Sources, find
from deepcli.data.words import WordDataset, word_index

if TYPE_CHECKING:
    from deepcli.data.arrays.splits import Raw

WORD_INDEX = word_index("imdb")
FILE = DataFile(
    "imdb.npz",
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/imdb.npz",
    "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f",
    companions=(WORD_INDEX,),
)


@DATASETS.register
class Imdb(WordDataset):
    """25,000 + 25,000 movie reviews, positive or negative, as word ids (Maas et al. 2011), from Keras's cache.

    Ids are encoded as in Keras: 1 starts a review, 2 replaces words that are left out, words follow by rank from 4.
    """

    words: ClassVar[int] = 88_584
    classes: ClassVar[int] = 2
    examples: ClassVar[int] = 25_000
    word_index: ClassVar[DataFile] = WORD_INDEX
    class_names: ClassVar[tuple[str, ...]] = ("negative", "positive")
    files: ClassVar[tuple[DataFile, ...]] = (FILE,)

    type: Literal["imdb"] = "imdb"

    def read(self, sources: Sources) -> Raw:
        from deepcli.data.arrays.splits import Provenance, Raw
        from deepcli.data.arrays.token_files import read_texts

        path = find(FILE, self.path, sources)
        texts = read_texts(path, [("x_train", "y_train"), ("x_test", "y_test")], self.words, self.classes)
        train, test = ((self.encode(ranks), labels) for ranks, labels in texts.parts)
        return Raw(train, test, Provenance(str(path), texts.file_sha256 == FILE.sha256, texts.sha256, texts.sha256))
