"""The worst predictions of numbers and of labels, saved for reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from deepcli.data.arrays.splits import Inputs
from deepcli.data.lexicon import Lexicon
from deepcli.data.schema import Column
from deepcli.evaluation.examples import MOST, are_shown, choose, shown_examples
from deepcli.evaluation.label_predictions import LabelPredictions
from deepcli.evaluation.number_predictions import NumberPredictions
from deepcli.evaluation.saved_examples import SavedExamples

LEAST = 1e-7
"""The least probability in a loss, as in Keras."""


@dataclass(frozen=True)
class WorstExamples(SavedExamples):
    """The examples with the largest errors, the largest first.

    Attributes:
        ids: The examples' places in their split, int (examples,).
        truths: What is right, (examples, targets or labels).
        answers: What the model predicts, (examples, targets or labels).
        errors: How bad it is, float64 (examples,).
        images: uint8 (examples, height, width, channels); empty if the examples are not images.
        texts: The last words of each text, or the columns of each row; empty if the examples are images.
    """

    ids: np.ndarray
    truths: np.ndarray
    answers: np.ndarray
    errors: np.ndarray
    images: np.ndarray
    texts: np.ndarray

    def is_whole(self) -> bool:
        facts = (self.ids, self.truths, self.answers, self.errors)
        fits = [array.ndim for array in facts] == [1, 2, 2, 1] and self.truths.shape == self.answers.shape
        return fits and are_shown(self.images, self.texts, *facts)

    def fits(self, targets: int) -> bool:
        return int(self.truths.shape[1]) == targets


class NumberMistakes(WorstExamples):
    """The largest errors of predicted numbers, in standard deviations of the targets (the mean over several)."""

    KINDS: ClassVar[str] = "ifffiU"


class LabelMistakes(WorstExamples):
    """The examples whose labels cost most: `errors` is the sum of the binary cross-entropies of all labels."""

    KINDS: ClassVar[str] = "iiifiU"


def worst_numbers(
    predictions: NumberPredictions, x: Inputs, lexicon: Lexicon | None, columns: Sequence[Column] = ()
) -> NumberMistakes:
    """Choose the examples with the largest errors; predictions that are not finite are the largest.

    Args:
        predictions: The predictions for all examples, in the order of `x`.
        x: The examples.
        lexicon: The words of token ids; None saves the ids instead of words.
        columns: The columns of `x` if it is a table.
    """
    errors = np.nan_to_num(predictions.relative, nan=np.inf)
    chosen = np.argsort(-errors, kind="stable")[:MOST]
    images, texts = shown_examples(x, chosen, lexicon, columns)
    return NumberMistakes(
        predictions.ids[chosen], predictions.targets[chosen], predictions.values[chosen], errors[chosen], images, texts
    )


def worst_labels(
    predictions: LabelPredictions, x: Inputs, lexicon: Lexicon | None, columns: Sequence[Column] = ()
) -> LabelMistakes:
    """Choose the examples that are not given exactly their labels and whose probabilities cost most.

    They are the worst of all, and for each label some of those in which it is wrong.

    Args:
        predictions: The predictions for all examples, in the order of `x`.
        x: The examples.
        lexicon: The words of token ids; None saves the ids instead of words.
        columns: The columns of `x` if it is a table.
    """
    of_truth = np.where(predictions.labels > 0, predictions.probabilities, 1 - predictions.probabilities)
    losses = -np.log(np.maximum(of_truth.astype(np.float64), LEAST)).sum(axis=1)
    wrong = np.flatnonzero(~predictions.right)
    ranked = wrong[np.argsort(-losses[wrong], kind="stable")]
    amiss = (predictions.labels[ranked] > 0) != (predictions.answers[ranked] > 0)
    chosen = ranked[choose(len(ranked), [np.flatnonzero(label) for label in amiss.T], x)]
    images, texts = shown_examples(x, chosen, lexicon, columns)
    labels = predictions.labels[chosen]
    return LabelMistakes(predictions.ids[chosen], labels, predictions.answers[chosen], losses[chosen], images, texts)
