"""Predictions of two classes that are answered by a threshold other than one half."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from deepcli.evaluation.predictions import Predictions


@dataclass(frozen=True)
class DecidedPredictions(Predictions):
    """Outputs for two classes, where the second is answered from a threshold of its probability.

    Scores of answers (accuracy, F1, the confusion matrix) follow the threshold; scores of probabilities and of their order do
    not. The file that `save` writes has the outputs alone.

    Attributes:
        threshold: The probability of class 1 from which it is answered.
    """

    threshold: float = 0.5

    @cached_property
    def answers(self) -> np.ndarray:
        """1 where the probability of class 1 reaches the threshold, else 0, int (examples,)."""
        # As float32, like the outputs: an output of 0.7 reaches a threshold of 0.7.
        return (self.by_class[:, 1] >= float(np.float32(self.threshold))).astype(np.int64)

    def to_arrays(self) -> list[np.ndarray]:
        return [self.ids, self.labels, self.probabilities]
