"""IMDB movie reviews as word ids, as Keras keeps and encodes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from deepcli.data.base import DATASETS
from deepcli.data.files import DataFile, Sources, find, is_published
from deepcli.data.words import WordDataset

if TYPE_CHECKING:
    from deepcli.data.splits import Raw

FILE = DataFile(
    "imdb.npz",
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/imdb.npz",
    "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f",
)


@DATASETS.register
class Imdb(WordDataset):
    """25,000 + 25,000 movie reviews, positive or negative, as word ids (Maas et al. 2011), from Keras's cache.

    Ids are encoded as Keras does: 1 starts a review, 2 is a word that is left out, words follow by rank from 4.
    """

    words: ClassVar[int] = 88_584
    classes: ClassVar[int] = 2
    examples: ClassVar[int] = 25_000

    type: Literal["imdb"] = "imdb"

    def read(self, sources: Sources) -> Raw:
        from deepcli.data.archive import read_npz
        from deepcli.data.splits import Provenance, Raw, fingerprint

        path = find(FILE, self.path, sources)
        arrays = read_npz(path, ("x_train", "y_train", "x_test", "y_test"), objects=("x_train", "x_test"))
        train, train_labels = self.flatten(path, arrays["x_train"], arrays["y_train"])
        test, test_labels = self.flatten(path, arrays["x_test"], arrays["y_test"])
        digest = fingerprint(train.values, train.offsets, train_labels, test.values, test.offsets, test_labels)
        return Raw(
            (self.encode(train), train_labels),
            (self.encode(test), test_labels),
            Provenance(str(path), is_published(FILE, path), digest),
        )
