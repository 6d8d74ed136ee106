"""What a translation memory says: the target of the training input that is most like an input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from deepcli.evaluation.unigrams import unigram_nats

if TYPE_CHECKING:
    from deepcli.data.arrays.splits import Split
    from deepcli.data.signature import Signature

ROWS = 1_000
"""Inputs that are looked up at a time."""


@dataclass(frozen=True)
class WrittenOutputs:
    """What is written for the inputs of pairs without a network.

    Attributes:
        nats: The cross-entropy of each token of the targets, as in `SequencePredictions`.
        texts: What is written for each input.
    """

    nats: np.ndarray
    texts: tuple[str, ...]


def fit_nearest(signature: Signature, train: Split) -> tuple[Callable[[Split], WrittenOutputs], list[str]]:
    """Index the inputs of training by words and pairs of them (TF-IDF).

    The probabilities of tokens are their shares in training, as a memory has none.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    assert train.pairs is not None
    targets = train.pairs.targets
    words = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\S+", sublinear_tf=True)
    index = words.fit_transform(train.pairs.sources).T.tocsr()

    def predict(split: Split) -> WrittenOutputs:
        assert split.pairs is not None
        texts: list[str] = []
        for begin in range(0, len(split), ROWS):
            alike = words.transform(split.pairs.sources[begin : begin + ROWS]) @ index
            texts += [targets[place] for place in np.asarray(alike.argmax(axis=1)).ravel().tolist()]
        return WrittenOutputs(unigram_nats(train.y, split.y, signature.classes, 0), tuple(texts))

    return predict, ["writes the target of the most similar training input; tokens have their shares in training"]
