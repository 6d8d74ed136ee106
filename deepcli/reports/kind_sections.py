"""Sections of a report by the kind of predictions; a plugin may register those of a kind of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import singledispatch
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from deepcli.evaluation.forecast_examples import ForecastExamples
from deepcli.evaluation.forecast_predictions import ForecastPredictions
from deepcli.evaluation.input_predictions import InputPredictions
from deepcli.evaluation.label_predictions import LabelPredictions
from deepcli.evaluation.level_predictions import LevelPredictions
from deepcli.evaluation.mistakes import Mistakes
from deepcli.evaluation.number_predictions import NumberPredictions
from deepcli.evaluation.other_mistakes import LabelMistakes, NumberMistakes
from deepcli.evaluation.predictions import Predictions
from deepcli.evaluation.sequence_mistakes import SequenceExamples
from deepcli.evaluation.sequence_predictions import SequencePredictions
from deepcli.evaluation.shown_inputs import InputExamples
from deepcli.evaluation.shown_windows import WindowExamples
from deepcli.evaluation.token_mistakes import TokenMistakes, within
from deepcli.evaluation.token_predictions import TokenPredictions
from deepcli.reports.class_mistakes import class_mistakes
from deepcli.reports.class_sections import class_sections
from deepcli.reports.forecast_sections import forecast_examples, forecast_sections
from deepcli.reports.input_sections import input_examples, input_sections, window_examples
from deepcli.reports.label_sections import label_mistakes, label_sections
from deepcli.reports.level_sections import level_sections
from deepcli.reports.number_sections import number_mistakes, number_sections
from deepcli.reports.sequence_sections import sequence_examples, sequence_sections
from deepcli.reports.token_sections import token_mistakes, token_sections

if TYPE_CHECKING:
    from deepcli.evaluation.predictions_base import AnyPredictions


@singledispatch
def sections(predictions: AnyPredictions, names: Sequence[str]) -> Iterator[Markup]:
    """Write the sections of a report on predictions, by their kind; what is not `Markup` is shown as text.

    Args:
        predictions: Predictions of the test split.
        names: The names of classes, levels, labels or numbers.
    """
    raise TypeError(f"no sections for {type(predictions).__name__}")


@singledispatch
def worst_section(found: Any, names: Sequence[str], predictions: AnyPredictions) -> Iterator[Markup]:
    """Write the section on the worst predictions, by their kind; what is not `Markup` is shown as text.

    Args:
        found: What the predictions' `worst` chose.
        names: The names of classes, levels, labels or numbers.
        predictions: All predictions of the test split.
    """
    raise TypeError(f"no section for {type(found).__name__}")


@singledispatch
def are_of(predictions: AnyPredictions, targets: int) -> bool:
    """Return whether predictions can be of a model with this number of classes, levels, labels, numbers or tokens."""
    return True


@are_of.register
def _(predictions: Predictions, targets: int) -> bool:
    return predictions.classes == targets


@are_of.register
def _(predictions: LabelPredictions, targets: int) -> bool:
    return int(predictions.labels.shape[1]) == targets


@are_of.register
def _(predictions: NumberPredictions, targets: int) -> bool:
    return len(predictions.names) == targets


@are_of.register
def _(predictions: TokenPredictions, targets: int) -> bool:
    return within(predictions.tokens, targets)


@are_of.register
def _(predictions: ForecastPredictions, targets: int) -> bool:
    return len(predictions.names) == targets


@are_of.register
def _(predictions: InputPredictions, targets: int) -> bool:
    return int(predictions.labels.max(initial=-1)) < max(targets, 1)


@are_of.register
def _(predictions: SequencePredictions, targets: int) -> bool:
    return within(predictions.tokens, targets)


BY_PREDICTIONS: dict[type, Any] = {
    Predictions: class_sections,
    LevelPredictions: level_sections,
    LabelPredictions: label_sections,
    NumberPredictions: number_sections,
    TokenPredictions: token_sections,
    ForecastPredictions: forecast_sections,
    InputPredictions: input_sections,
    SequencePredictions: sequence_sections,
}
BY_WORST: dict[type, Any] = {
    Mistakes: class_mistakes,
    LabelMistakes: label_mistakes,
    NumberMistakes: number_mistakes,
    TokenMistakes: token_mistakes,
    ForecastExamples: forecast_examples,
    InputExamples: input_examples,
    WindowExamples: window_examples,
    SequenceExamples: sequence_examples,
}
for kind, write in BY_PREDICTIONS.items():
    sections.register(kind, write)
for kind, write in BY_WORST.items():
    worst_section.register(kind, write)
