"""Embeddings that start from word vectors in a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deepcli.errors import DataError

if TYPE_CHECKING:
    import keras

    from deepcli.models.base import Start


def fill(layer: keras.layers.Embedding, path: str, width: tuple[str, int], start: Start) -> None:
    """Set the rows of an embedding to the vectors of the words that a file has; others stay as they are.

    Args:
        layer: The embedding layer, (vocabulary, width).
        path: The file of word vectors.
        width: The field of the model that sets the width, and the width.
        start: The data with their words, and where to say how many were found.

    Raises:
        DataError: The words are not known, the file cannot be read, its vectors have another width, or it has none of
            the words.
    """
    import numpy as np

    from deepcli.data.arrays.pretrained_vectors import read_vectors

    lexicon = start.splits.lexicon()
    if lexicon is None:
        raise DataError(
            "model.embeddings: the words of these data are not on this machine, so none can be looked up; put their file "
            "beside the data, or remove model.embeddings"
        )
    table = np.array(layer.embeddings)
    vectors = read_vectors(Path(path), lexicon.words[: len(table)])
    field, wide = width
    if (found_wide := vectors.matrix.shape[1]) != wide:
        raise DataError(
            f"model.embeddings.path: the vectors of {path} have {found_wide} numbers, and model.{field} is {wide}; set "
            f"model.{field}={found_wide}"
        )
    (rows,) = np.nonzero(vectors.found)
    table[rows] = vectors.matrix[rows]
    layer.embeddings.assign(table)
    start.note(
        f"word vectors: {vectors.covered:,} of {vectors.words:,} words ({vectors.covered / max(vectors.words, 1):.0%}) are "
        f"in {path}; the others start at random"
    )
