"""A classifier's worst mistakes: the wrong predictions with the highest confidence, saved for reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from deepcli.data.arrays.splits import Inputs
from deepcli.data.lexicon import Lexicon
from deepcli.data.schema import Column
from deepcli.evaluation.examples import are_shown, choose, shown_examples
from deepcli.evaluation.predictions import Predictions
from deepcli.evaluation.saved_examples import SavedExamples


@dataclass(frozen=True)
class Mistakes(SavedExamples):
    """Wrong predictions, most confident first.

    Attributes:
        ids: The examples' positions in the official split, int (mistakes,).
        labels: Class numbers, int (mistakes,).
        answers: Predicted class numbers, int (mistakes,).
        outputs: The model's output for the predicted class, float32 (mistakes,).
        images: uint8 (mistakes, height, width, channels); empty if the examples are texts.
        texts: The last words of each text, or the columns of each row; empty if the examples are images.
    """

    KINDS: ClassVar[str] = "iiifiU"

    ids: np.ndarray
    labels: np.ndarray
    answers: np.ndarray
    outputs: np.ndarray
    images: np.ndarray
    texts: np.ndarray

    def is_whole(self) -> bool:
        facts = (self.ids, self.labels, self.answers, self.outputs)
        return all(array.ndim == 1 for array in facts) and are_shown(self.images, self.texts, *facts)

    def fits(self, classes: int) -> bool:
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
