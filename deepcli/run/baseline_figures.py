"""What a model has to beat: what can be said without looking at the inputs, and models that learn in seconds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deepcli.errors import DataError
from deepcli.experiment.schema import Experiment

if TYPE_CHECKING:
    import numpy as np

    from deepcli.data.arrays.splits import Split, Splits
    from deepcli.evaluation.predictions_base import AnyPredictions


@dataclass(frozen=True)
class BaselineFigures:
    """A baseline's scores on a split.

    Attributes:
        name: Its name.
        values: Each score of the task, by name.
        predictions: What it predicts.
        seconds: How long it learned.
        notes: What is worth knowing.
    """

    name: str
    values: dict[str, float]
    predictions: AnyPredictions
    seconds: float = 0.0
    notes: tuple[str, ...] = ()


def trivial_figures(experiment: Experiment, train: np.ndarray, split: Split) -> list[BaselineFigures]:
    """Score what can be predicted without the inputs: the most frequent class, the mean, the median.

    Args:
        experiment: The spec.
        train: The targets of the training split.
        split: The split to predict.
    """
    constant = experiment.resolved_task.trivial(experiment.signature, train, split)
    return [_figures(experiment, name, split, outputs) for name, outputs in constant.items()]


def best_trivial(experiment: Experiment, train: np.ndarray, split: Split) -> dict[str, float]:
    """Return for each score the best value that needs no inputs."""
    from deepcli.evaluation.scores import SCORES

    best: dict[str, float] = {}
    for figures in trivial_figures(experiment, train, split):
        for name, value in figures.values.items():
            if math.isnan(value):
                continue
            better = max if SCORES[name].better == "max" else min
            best[name] = better(best[name], value) if name in best else value
    return best


def learned_figures(
    experiment: Experiment, splits: Splits, names: Sequence[str] | None = None
) -> Iterator[BaselineFigures]:
    """Fit the baselines for some data on the training split, and score them on the test split.

    Args:
        experiment: The spec.
        splits: The data.
        names: Which baselines; None for all that suit the data.
    """
    from deepcli.evaluation.baselines import baselines_for, fit_baseline
    from deepcli.evaluation.scores import measure_all

    task, signature = experiment.resolved_task, experiment.signature
    for name in baselines_for(signature) if names is None else names:
        fitted = fit_baseline(
            name, signature, splits.train, splits.validation, experiment.seed, experiment.model.code_size
        )
        test = splits.test
        predictions = task.predicted(signature, test, fitted.outputs(test), None)
        if (held := splits.validation) is not None:
            validation = task.predicted(signature, held, fitted.outputs(held), None)
            predictions = task.tuned(predictions, validation)
        values = measure_all(predictions, task.scored_as)
        yield BaselineFigures(name, values, predictions, fitted.seconds, fitted.notes)


def _figures(experiment: Experiment, name: str, split: Split, outputs: np.ndarray) -> BaselineFigures:
    from deepcli.evaluation.scores import measure_all

    task = experiment.resolved_task
    predictions = task.predicted(experiment.signature, split, outputs, None)
    return BaselineFigures(name, measure_all(predictions, task.scored_as), predictions)


def told(baseline: BaselineFigures, network: AnyPredictions, headline: str) -> str:
    """Say in a line whether a network beats a baseline on the test split."""
    reached = f"{baseline.name} (a baseline, {baseline.seconds:.1f} s): test {headline} {baseline.values[headline]:.5g}"
    from deepcli.evaluation.paired import compare_pair

    try:
        verdict = compare_pair(baseline.predictions, network).verdict
    except DataError:  # a plugin's task may have predictions of its own
        return reached
    if verdict == "better":
        return f"{reached}; this model is better"
    return f"notice: {reached}; this model is {'no better: ' * (verdict != 'worse')}{verdict}"
