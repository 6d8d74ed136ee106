"""Scores that `deepcli evaluate` computes for every run, and what they have in common.

A score is NaN if the split cannot determine it: a class has no examples, an area or correlation has only one class, a
target does not vary, or calibration gets outputs that are not probabilities. A bad prediction is a number: the precision of
a class that is never predicted is 0, and so is the correlation of a model that always predicts the same number. Among
equal outputs the first class is predicted, as in `predict`; areas count ties as one half.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from deepcli.evaluation.intervals import Interval
from deepcli.result import ClassFigures, LabelFigures, NumberFigures, QuantileFigures, StepFigures
from deepcli.spec.registry import Component, Registry

if TYPE_CHECKING:
    from deepcli.evaluation.predictions import Predictions
    from deepcli.evaluation.predictions_file import AnyPredictions

SAME = "all resamples give the same value"
BLOCKS = "Student's t over blocks of consecutive tokens"
ORIGINS = "Student's t over blocks of consecutive origins"

OTHER_TABLES = ("numbers", "labels", "steps", "quantiles")
"""The tables of predictions that are not classes."""


class Score(Component):
    """A score of predictions; its name is its type. A metric of that name in the spec takes precedence.

    Specs do not name scores, so each field needs a default.

    Attributes:
        METHOD: How its 95 % intervals are computed.
        tasks: The tasks for which it is computed.
        better: Whether a higher or a lower value is better.
    """

    METHOD: ClassVar[str] = ""
    tasks: ClassVar[tuple[str, ...]] = ("classification",)
    better: ClassVar[Literal["max", "min"]] = "max"

    def applies(self, predictions: Any) -> bool:
        """Return whether the score has a meaning for predictions; one without is left out, and not undefined."""
        return True

    @abstractmethod
    def measure(self, predictions: Any) -> float:
        """Return the score; NaN if it is undefined.

        Args:
            predictions: Targets and outputs on a split, of the kind that its tasks have.
        """

    def interval(self, predictions: Any) -> Interval | str | None:
        """Return the 95 % interval, a text that says why there is no reliable one, or None for a score without intervals."""
        return None

    def method(self, predictions: Any) -> str:
        """Return how the interval is computed."""
        return self.METHOD

    def undefined(self, predictions: Any) -> str:
        """Return why the score is NaN."""
        return "undefined on this split"

    def remark(self, predictions: Any) -> str:
        """Return what the reader of the score should know, such as labels that were left out; empty for nothing."""
        return ""


SCORES: Registry[Score] = Registry("scores")


def thin(predictions: Predictions, every_class: bool = False) -> str | None:
    """Describe why there are too few predictions for an interval by resampling; None if there are enough.

    Args:
        predictions: Predictions on a split.
        every_class: Whether all classes have the same weight, so that each needs enough examples.
    """
    return predictions.too_few(every_class)


@dataclass(frozen=True)
class Scored:
    """All results of an evaluation: scores, their intervals, and the tables of the kind of predictions.

    Attributes:
        values: Each score, by name.
        intervals: 95 % intervals, by score; None if there is no reliable one.
        interval_notes: How each interval was computed, or why it is missing, and what was left out, by score.
        classes: Precision, recall, F1 and number of examples of each class or level.
        confusion_matrix: Number of examples by label (row) and predicted class (column).
        numbers: Errors of each predicted number, in its own unit.
        labels: Precision, recall, F1 and average precision of each label.
        steps: Errors at each step of the horizon.
        quantiles: Coverage and pinball loss of each quantile.
    """

    values: dict[str, float] = field(default_factory=dict)
    intervals: dict[str, Interval | None] = field(default_factory=dict)
    interval_notes: dict[str, str] = field(default_factory=dict)
    classes: list[ClassFigures] = field(default_factory=list)
    confusion_matrix: list[list[int]] = field(default_factory=list)
    numbers: list[NumberFigures] = field(default_factory=list)
    labels: list[LabelFigures] = field(default_factory=list)
    steps: list[StepFigures] = field(default_factory=list)
    quantiles: list[QuantileFigures] = field(default_factory=list)

    @property
    def tables(self) -> dict[str, Any]:
        """The tables that the kind of predictions has, by name; those of classes, empty, if there is none."""
        kinds = {"classes": self.classes, "confusion_matrix": self.confusion_matrix}
        others = {name: table for name in OTHER_TABLES if (table := getattr(self, name))}
        return others or kinds


def measure_all(predictions: AnyPredictions, task: str) -> dict[str, float]:
    """Compute every registered score of a task, without intervals.

    Args:
        predictions: Targets and outputs, of the kind that the task has.
        task: The task's type.
    """
    scores = _scores_of(predictions, task)
    return {name: float(score.measure(predictions)) for name, score in scores.items()}


def _scores_of(predictions: AnyPredictions, task: str) -> dict[str, Score]:
    """Return the registered scores of a task that have a meaning for predictions."""
    scores = {name: SCORES.select(name) for name in SCORES if task in SCORES[name].tasks}
    return {name: score for name, score in scores.items() if score.applies(predictions)}


def take(predictions: AnyPredictions, task: str = "classification") -> Scored:
    """Compute every registered score of a task.

    Args:
        predictions: Targets and outputs, of the kind that the task has.
        task: The task's type.
    """
    scores = _scores_of(predictions, task)
    values = {name: float(score.measure(predictions)) for name, score in scores.items()}
    found = {
        name: score.undefined(predictions) if math.isnan(values[name]) else score.interval(predictions)
        for name, score in scores.items()
    }
    return Scored(
        values,
        {name: None if isinstance(ends, str) else ends for name, ends in found.items() if ends is not None},
        {name: _note(scores[name], predictions, ends) for name, ends in found.items() if ends is not None},
        **predictions.tables(),
    )


def _note(score: Score, predictions: AnyPredictions, ends: Interval | str) -> str:
    note = f"none: {ends}" if isinstance(ends, str) else score.method(predictions) or "computed by the score"
    remark = score.remark(predictions)
    return f"{note}; {remark}" if remark else note
