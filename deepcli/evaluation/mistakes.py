"""A classifier's worst mistakes: the wrong predictions with the highest confidence, saved for reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepcli.data.arrays.splits import Inputs
from deepcli.data.lexicon import Lexicon
from deepcli.data.schema import Column
from deepcli.errors import DataError
from deepcli.evaluation.examples import are_shown, choose, shown_examples
from deepcli.evaluation.predictions import Predictions
from deepcli.system.atomic import replacing


@dataclass(frozen=True)
class Mistakes:
    """Wrong predictions, most confident first.

    Attributes:
        ids: The examples' positions in the official split, int (mistakes,).
        labels: Class numbers, int (mistakes,).
        answers: Predicted class numbers, int (mistakes,).
        outputs: The model's output for the predicted class, float32 (mistakes,).
        images: uint8 (mistakes, height, width, channels); empty if the examples are texts.
        texts: The last words of each text, or the columns of each row; empty if the examples are images.
    """

    ids: np.ndarray
    labels: np.ndarray
    answers: np.ndarray
    outputs: np.ndarray
    images: np.ndarray
    texts: np.ndarray

    def save(self, path: Path) -> None:
        """Write an `.npz` file with the six arrays.

        Raises:
            TrainingError: The file cannot be written.
        """
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **vars(self))

    @classmethod
    def load(cls, path: Path) -> Mistakes:
        """Read a file that `save` wrote; nothing in it is executed.

        Raises:
            DataError: The file is damaged, or not such a file.
        """
        from deepcli.data.arrays.archive import read_npz

        found = cls(**read_npz(path, tuple(cls.__dataclass_fields__)))
        facts = (found.ids, found.labels, found.answers, found.outputs)
        kinds = "".join(array.dtype.kind for array in vars(found).values()).replace("u", "i")
        flat = all(array.ndim == 1 for array in facts)
        if not flat or not are_shown(found.images, found.texts, *facts) or kinds != "iiifiU":
            raise DataError(f"{path} is not a mistakes file written by deepcli")
        return found

    def fits(self, classes: int) -> bool:
        """Return whether the file can be of a model with this number of classes."""
        numbers = np.concatenate([self.labels, self.answers])
        return bool(((numbers >= 0) & (numbers < classes)).all())


def worst(predictions: Predictions, x: Inputs, lexicon: Lexicon | None, columns: Sequence[Column] = ()) -> Mistakes:
    """Choose the wrong predictions with the highest confidence: of all, and some of each class.

    Args:
        predictions: The predictions for all examples, in the order of `x`.
        x: The examples.
        lexicon: The words of token ids; None saves the ids instead of words.
        columns: The columns of `x` if it is a table.
    """
    outputs = predictions.by_class[np.arange(len(predictions.labels)), predictions.answers]
    wrong = np.flatnonzero(predictions.answers != predictions.labels)
    ranked = wrong[np.argsort(-outputs[wrong], kind="stable")]
    labels = predictions.labels[ranked]
    chosen = ranked[choose(len(ranked), [np.flatnonzero(labels == k) for k in np.unique(labels)], x)]
    images, texts = shown_examples(x, chosen, lexicon, columns)
    return Mistakes(
        predictions.ids[chosen],
        predictions.labels[chosen],
        predictions.answers[chosen],
        outputs[chosen].astype(np.float32),
        images,
        texts,
    )
