"""The decision threshold and the calibration of an evaluation; both are chosen on the validation split alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepcli.errors import DataError
from deepcli.evaluation.calibration import TemperatureFit, calibrated, fit_temperature, tempered_threshold
from deepcli.evaluation.decided_predictions import DecidedPredictions
from deepcli.evaluation.predictions import Predictions
from deepcli.evaluation.predictions_base import AnyPredictions
from deepcli.evaluation.scores import SCORES, take
from deepcli.evaluation.thresholds import FEWEST
from deepcli.experiment.schema import Experiment
from deepcli.result import Calibration, Result, ThresholdUsed
from deepcli.tasks.choices import BEST_F1, Choices
from deepcli.training.evaluate import Measured, number, scored_parts

CALIBRATED = ("log_loss", "brier", "ece")
"""The scores that a temperature changes."""
OPTIMISTIC = "chosen on the split that is evaluated, so that its figures are optimistic"


def decided(
    result: Result,
    choices: Choices,
    experiment: Experiment,
    split: str,
    measured: Measured,
    validation: Measured | None,
) -> Result:
    """Add a threshold and a calibration to the result of an evaluation.

    Args:
        result: The result without them.
        choices: What is chosen.
        experiment: The spec.
        split: The name of the split that was evaluated.
        measured: The model's outputs on that split.
        validation: Those on the validation split; None if nothing is chosen on it.

    Raises:
        DataError: The outputs or the validation split do not allow it.
    """
    if not (choices.decide or choices.calibrate):
        return result
    fit = None
    for one in (measured, validation):
        if one is not None and (why := one.predictions.misfit):
            raise DataError(f"there are no scores to choose by: {why}")
    if choices.calibrate:
        assert validation is not None
        fit = temperature(validation.predictions)
        result = result.model_copy(update={"calibration": _calibration(fit, measured.predictions, split)})
    return _at_threshold(result, choices, experiment, split, measured, validation, fit) if choices.decide else result


def temperature(validation: AnyPredictions) -> TemperatureFit:
    """Fit a temperature on predictions of the validation split.

    Raises:
        DataError: They are not probabilities of classes.
    """
    if not isinstance(validation, Predictions) or validation.misfit or validation.distribution is None:
        raise DataError("the model's outputs are not probabilities of classes, so that they have no temperature")
    return fit_temperature(validation)


def _calibration(fit: TemperatureFit, predictions: AnyPredictions, split: str) -> Calibration:
    assert isinstance(predictions, Predictions)

    def figures(one: Predictions) -> dict[str, float | None]:
        return {name: float(SCORES.select(name).measure(one)) for name in CALIBRATED}

    caveats = [fit.caveat, f"fitted{OPTIMISTIC.removeprefix('chosen')}" if split == "validation" else None]
    return Calibration(
        temperature=fit.temperature,
        interval=fit.interval,
        validation_examples=fit.examples,
        before=figures(predictions),
        after=figures(calibrated(predictions, fit.temperature)),
        caveat="; ".join(filter(None, caveats)) or None,
    )


def _at_threshold(
    result: Result,
    choices: Choices,
    experiment: Experiment,
    split: str,
    measured: Measured,
    validation: Measured | None,
    fit: TemperatureFit | None,
) -> Result:
    """Replace the scores of a result by those of answers by a threshold."""
    task, own = experiment.resolved_task, dict(measured.metrics)
    plain = choices.threshold
    if plain is not None and fit is not None:
        plain = tempered_threshold(plain, 1 / fit.temperature)
    answered = task.decide(measured.predictions, plain, validation.predictions if validation else None)
    chosen = task.decide(validation.predictions, plain, validation.predictions) if validation else None
    scored = take(answered, task.scored_as)
    metrics = own | scored.values | own | _answer_metrics(experiment, measured, answered)
    used = _used(choices, experiment, split, answered, chosen, fit)
    update = {"metrics": {split: metrics}, "threshold": used, **scored_parts(split, scored)}
    return result.model_copy(update=update)


def _used(
    choices: Choices,
    experiment: Experiment,
    split: str,
    answered: AnyPredictions,
    validation: AnyPredictions | None,
    fit: TemperatureFit | None,
) -> ThresholdUsed:
    """Describe the threshold of some predictions; `validation` are those that it was chosen on, answered by it."""
    value, name = choices.threshold, None
    if isinstance(answered, DecidedPredictions):
        name = experiment.target_names[1]
        value = answered.threshold if value is None else value
        if choices.threshold is None and fit is not None:
            value = tempered_threshold(value, fit.temperature)
    if choices.threshold is not None or validation is None:
        return ThresholdUsed(
            rule="given", value=value, name=name, calibrated=fit is not None, validation_examples=None,
            validation_f1=None, caveat=None,
        )  # fmt: skip
    caveats = [_too_few(validation, name), OPTIMISTIC if split == "validation" else None]
    return ThresholdUsed(
        rule=BEST_F1,
        value=value,
        name=name,
        calibrated=fit is not None,
        validation_examples=len(validation.ids),
        validation_f1=_f1(validation),
        caveat="; ".join(filter(None, caveats)) or None,
    )


def _f1(validation: AnyPredictions) -> float | None:
    """Return the F1 of class 1, or the mean over labels."""
    tables = validation.tables()
    if isinstance(validation, DecidedPredictions):
        one: float | None = tables["classes"][1].f1
        return one
    values = [row.f1 for row in tables.get("labels", []) if row.support]
    return float(np.mean(values)) if values else None


def _too_few(validation: AnyPredictions, name: str | None) -> str | None:
    """Say that there are too few examples of the class; labels that are rare get a threshold in common instead."""
    if not isinstance(validation, Predictions) or (count := int(validation.support[1])) >= FEWEST:
        return None
    return f"validation has only {count} example{'s' * (count != 1)} of {name}: do not rely on this threshold"


def _answer_metrics(experiment: Experiment, measured: Measured, answered: AnyPredictions) -> dict[str, float]:
    """Compute the metrics of the spec that count right answers, of the answers by a threshold."""
    if not isinstance(answered, DecidedPredictions):
        return {}  # metrics of labels have a threshold of their own, as their pages say
    answers: Any = answered.answers.astype(np.float32)[:, None]
    outputs = answers if answered.probabilities.shape[1] == 1 else np.hstack([1 - answers, answers])
    values = {}
    for one in experiment.metrics:
        if one.of_answers:
            metric = one.build(experiment.signature, experiment.head)
            metric.update_state(measured.split.y, outputs)
            values[metric.name] = number(metric.result())
    return values
