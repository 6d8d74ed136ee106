"""Predicted levels, which are classes with an order, with the true ones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from deepcli.data.schema import TargetKind
from deepcli.evaluation.predictions import Predictions

if TYPE_CHECKING:
    from deepcli.evaluation.paired_errors import PairedErrors

HALF = 0.5 - 1e-6
"""One half, less the rounding errors of a float32 softmax."""


@dataclass(frozen=True)
class LevelPredictions(Predictions):
    """The probabilities of ordered levels for each example of a split.

    The answer is the median of the distribution, not its most likely level: no other level is fewer steps from the true
    one on average, if the probabilities are right. The mean absolute deviation is least at the median.
    """

    KIND: ClassVar[TargetKind] = "levels"
    ARRAYS: ClassVar[tuple[str, ...]] = ("ids", "levels", "probabilities")
    CALLED: ClassVar[str] = "predicted levels"

    @property
    def misfit(self) -> str | None:
        if why := super().misfit:
            return why
        return None if self.distribution is not None else "outputs are not probabilities of levels"

    @cached_property
    def answers(self) -> np.ndarray:
        """The least level whose cumulative probability reaches one half, int (examples,)."""
        answers: np.ndarray = (self.by_class.cumsum(axis=1) >= HALF).argmax(axis=1)
        return answers

    @cached_property
    def steps(self) -> np.ndarray:
        """How many steps the answer is from the true level, int (examples,)."""
        steps: np.ndarray = np.abs(self.answers - self.labels)
        return steps

    def paired(self, second: Any) -> PairedErrors:
        from deepcli.evaluation.paired_errors import paired_levels

        return paired_levels(self, second)
