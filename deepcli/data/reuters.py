"""Reuters newswires as word ids, stored, split and encoded as in Keras."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from deepcli.data.base import DATASETS
from deepcli.data.files import DataFile, Sources, find
from deepcli.data.words import WordDataset, word_index

if TYPE_CHECKING:
    from deepcli.data.arrays.splits import Raw

WORD_INDEX = word_index("reuters")
FILE = DataFile(
    "reuters.npz",
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/reuters.npz",
    "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916",
)
# In the order of the class numbers in the file, as in keras.datasets.reuters.get_label_names.
TOPICS = (
    "cocoa", "grain", "veg-oil", "earn", "acq", "wheat", "copper", "housing", "money-supply", "coffee", "sugar",
    "trade", "reserves", "ship", "cotton", "carcass", "crude", "nat-gas", "cpi", "money-fx", "interest", "gnp",
    "meal-feed", "alum", "oilseed", "gold", "tin", "strategic-metal", "livestock", "retail", "ipi", "iron-steel",
    "rubber", "heat", "jobs", "lei", "bop", "zinc", "orange", "pet-chem", "dlr", "gas", "silver", "wpi", "hog",
    "lead",
)  # fmt: skip
# The defaults of keras.datasets.reuters.load_data; published results are measured on the split that they give.
SHUFFLE_SEED, TEST_SPLIT = 113, 0.2


@DATASETS.register
class Reuters(WordDataset):
    """8,982 + 2,246 newswires on 46 topics as word ids (Reuters-21578, Lewis 1997), from Keras's cache.

    The file has no test split. As in Keras, its 11,228 newswires are shuffled with seed 113 and the last 20 % are the
    test split. Ids are encoded as in Keras: 1 starts a newswire, 2 replaces words that are left out, words follow by
    rank from 4.
    """

    words: ClassVar[int] = 30_979
    classes: ClassVar[int] = 46
    examples: ClassVar[int] = int(11_228 * (1 - TEST_SPLIT))
    word_index: ClassVar[DataFile] = WORD_INDEX
    class_names: ClassVar[tuple[str, ...]] = TOPICS
    files: ClassVar[tuple[DataFile, ...]] = (FILE,)

    type: Literal["reuters"] = "reuters"

    def read(self, sources: Sources) -> Raw:
        import numpy as np

        from deepcli.data.arrays.splits import Provenance, Raw
        from deepcli.data.arrays.token_files import read_texts

        path = find(FILE, self.path, sources)
        texts = read_texts(path, [("x", "y")], self.words, self.classes)
        ranks, labels = texts.parts[0]
        order = np.arange(len(labels))
        np.random.RandomState(SHUFFLE_SEED).shuffle(order)
        count = int(len(order) * (1 - TEST_SPLIT))
        train, test = order[:count], order[count:]
        return Raw(
            (self.encode(ranks[train]), labels[train]),
            (self.encode(ranks[test]), labels[test]),
            Provenance(str(path), texts.file_sha256 == FILE.sha256, texts.sha256, texts.sha256),
        )
