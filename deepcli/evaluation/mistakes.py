"""The examples that a model got most wrong, kept small enough to be looked at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepcli.data.arrays.splits import Inputs, Tokens
from deepcli.data.lexicon import Lexicon
from deepcli.errors import DataError
from deepcli.evaluation.predictions import Predictions
from deepcli.system.atomic import replacing

MOST = 24
WORDS = 80
"""The last words of a text that are kept."""


@dataclass(frozen=True)
class Mistakes:
    """Wrong answers, the surest first.

    Attributes:
        ids: The examples' places in the official split, int (mistakes,).
        labels: Class numbers, int (mistakes,).
        answers: What the model said, int (mistakes,).
        outputs: Its output for that answer, float32 (mistakes,).
        images: uint8 (mistakes, height, width, channels); empty where the examples are texts.
        texts: The last words of each; empty where the examples are images.
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
            TrainingError: It cannot be written.
        """
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **vars(self))

    @classmethod
    def load(cls, path: Path) -> Mistakes:
        """Read what `save` wrote; nothing in the file is executed.

        Raises:
            DataError: It is damaged or something else.
        """
        from deepcli.data.arrays.archive import read_npz

        found = cls(**read_npz(path, tuple(cls.__dataclass_fields__)))
        examples = max(len(found.images), len(found.texts))
        lengths = {len(array) for array in (found.ids, found.labels, found.answers, found.outputs)}
        kinds = "".join(array.dtype.kind for array in vars(found).values()).replace("u", "i")
        if lengths != {examples} or examples > MOST or kinds != "iiifiU" or found.images.dtype != np.uint8:
            raise DataError(f"{path} holds no mistakes that deepcli wrote")
        return found


def worst(predictions: Predictions, x: Inputs, lexicon: Lexicon | None) -> Mistakes:
    """Pick the wrong answers that a model was surest of.

    Args:
        predictions: Of all examples, in their order.
        x: The examples.
        lexicon: The words of token ids; None where nobody has them, and ids are kept instead.
    """
    outputs = predictions.by_class.max(axis=1)
    wrong = np.flatnonzero(predictions.answers != predictions.labels)
    chosen = wrong[np.argsort(-outputs[wrong], kind="stable")][:MOST]
    picked = x[chosen]
    texts = [_text(picked, index, lexicon) for index in range(len(chosen))] if isinstance(picked, Tokens) else []
    return Mistakes(
        predictions.ids[chosen],
        predictions.labels[chosen],
        predictions.answers[chosen],
        outputs[chosen].astype(np.float32),
        np.zeros((0, 1, 1, 1), np.uint8) if isinstance(picked, Tokens) else picked,
        np.array(texts, dtype=np.str_) if texts else np.zeros(0, "U1"),
    )


def _text(tokens: Tokens, index: int, lexicon: Lexicon | None) -> str:
    ids = tokens.sequence(index)[-WORDS:].tolist()
    return (lexicon or Lexicon(())).spell(ids)
