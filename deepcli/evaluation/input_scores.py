"""Scores of reconstructions: errors for each input, and how well groups of codes agree with classes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from deepcli.evaluation import intervals
from deepcli.evaluation.intervals import Interval
from deepcli.evaluation.scores import SAME, SCORES, Score

if TYPE_CHECKING:
    from deepcli.evaluation.input_predictions import InputPredictions


class InputScore(Score):
    """A mean over examples of the error between an input and what a model makes of it."""

    METHOD: ClassVar[str] = intervals.BOOTSTRAP
    tasks: ClassVar[tuple[str, ...]] = ("reconstruction",)
    better: ClassVar[Literal["max", "min"]] = "min"

    def measure(self, predictions: InputPredictions) -> float:
        return predictions.mean(self.type)

    def interval(self, predictions: InputPredictions) -> Interval | str | None:
        return predictions.too_few() or intervals.resampled_mean(predictions.of_kind(self.type)) or SAME


@SCORES.register
class MeanSquaredErrorOfInputs(InputScore):
    """Mean squared difference to the inputs: pixels from 0 to 1, standardized numbers and indicators of categories."""

    type: Literal["mean_squared_error"] = "mean_squared_error"


@SCORES.register
class MeanAbsoluteErrorOfInputs(InputScore):
    """Mean absolute difference to the inputs: pixels from 0 to 1, standardized numbers and indicators of categories."""

    type: Literal["mean_absolute_error"] = "mean_absolute_error"


@SCORES.register
class BinaryCrossentropyOfInputs(InputScore):
    """Mean binary cross-entropy of pixels from 0 to 1, in nats; grey pixels have some whatever the model. Images only."""

    type: Literal["binary_crossentropy"] = "binary_crossentropy"

    def applies(self, predictions: InputPredictions) -> bool:
        return not math.isnan(predictions.mean(self.type))


@SCORES.register
class AdjustedRandIndex(Score):
    """Agreement of k-means on the codes with the classes of the examples; 1 is the same groups, 0 is chance.

    There are as many groups as classes. Only where examples have classes, which training does not see.
    """

    type: Literal["adjusted_rand_index"] = "adjusted_rand_index"
    tasks: ClassVar[tuple[str, ...]] = ("reconstruction",)

    def applies(self, predictions: InputPredictions) -> bool:
        return predictions.rand_index is not None

    def measure(self, predictions: InputPredictions) -> float:
        return math.nan if predictions.rand_index is None else predictions.rand_index
