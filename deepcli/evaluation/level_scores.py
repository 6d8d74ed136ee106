"""Scores of predicted levels, where a near miss is better than a far one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from deepcli.evaluation import intervals
from deepcli.evaluation.intervals import Interval
from deepcli.evaluation.scores import SAME, SCORES, Score

if TYPE_CHECKING:
    import numpy as np

    from deepcli.evaluation.level_predictions import LevelPredictions


@SCORES.register
class MaeSteps(Score):
    """Mean number of steps between the predicted level, the median of the distribution, and the true one; 0 is perfect."""

    tasks: ClassVar[tuple[str, ...]] = ("ordinal",)
    type: Literal["mae_steps"] = "mae_steps"
    better: ClassVar[Literal["max", "min"]] = "min"
    METHOD: ClassVar[str] = intervals.BOOTSTRAP

    def measure(self, predictions: LevelPredictions) -> float:
        return float(predictions.steps.mean())

    def interval(self, predictions: LevelPredictions) -> Interval | str | None:
        return predictions.too_few() or intervals.resampled_mean(predictions.steps.astype(float)) or SAME


@SCORES.register
class QuadraticKappa(Score):
    """Agreement beyond chance, misses weighted by their squared steps (Cohen 1968): 1 is perfect, 0 is chance.

    0 if the model always predicts the same level; NaN if all examples have the same level.
    """

    tasks: ClassVar[tuple[str, ...]] = ("ordinal",)
    type: Literal["quadratic_kappa"] = "quadratic_kappa"
    METHOD: ClassVar[str] = intervals.BOOTSTRAP

    def measure(self, predictions: LevelPredictions) -> float:
        if (predictions.support > 0).sum() < 2:
            return math.nan
        from sklearn.metrics import cohen_kappa_score

        levels = range(predictions.classes)
        return float(cohen_kappa_score(predictions.labels, predictions.answers, labels=levels, weights="quadratic"))

    def interval(self, predictions: LevelPredictions) -> Interval | str | None:
        return predictions.too_few() or intervals.resampled_counts(predictions.confusion, self._of) or SAME

    @staticmethod
    def _of(confusions: np.ndarray) -> np.ndarray:
        """Compute the score from confusion matrices (matrices, levels, levels)."""
        import numpy as np

        levels = np.arange(confusions.shape[1])
        squares = (levels[:, None] - levels) ** 2.0
        total = confusions.sum(axis=(1, 2))
        seen = (confusions * squares).sum(axis=(1, 2)) * total
        chance = np.einsum("ni,ij,nj->n", confusions.sum(2), squares, confusions.sum(1))
        kappas: np.ndarray = 1 - np.divide(seen, chance, out=np.ones_like(seen), where=chance > 0)
        return kappas
