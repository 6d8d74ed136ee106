"""Real steps, a real validation and a real checkpoint, taken before a run to measure how long they take.

The model is as before afterwards: every variable gets its value back, and nothing is written but a temporary file.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import keras

from deepcli.data.arrays.splits import Splits
from deepcli.experiment.schema import Experiment
from deepcli.training.backend import Backend, Check
from deepcli.training.build import build_compiled_metrics
from deepcli.training.context import class_weights
from deepcli.training.settings import RunSettings
from deepcli.training.step_timing import time_evaluation, time_saving, time_steps, time_writing
from deepcli.training.time_limit import EndTimes

SHORTEST = 0.05
"""Seconds of steps, and of validation, that are measured at least, for a run with a time limit."""
SAVED_SHARE = 0.5
"""Share of the epochs that are assumed to be the best so far, for which `best.keras` is written."""


@dataclass(frozen=True)
class Rehearsal:
    """What was measured before a run.

    Attributes:
        compiling: Seconds of the first calls, beyond those of later ones.
        step: Seconds of one training step.
        steps: Training steps of an epoch.
        steps_per_call: Steps of one call into the backend.
        validation: Seconds to evaluate the validation split; 0 if there is none.
        test: Seconds to evaluate the test split.
        saving: Seconds to write a checkpoint.
        checkpoint_bytes: Bytes of a checkpoint.
        writing: Seconds to write a small file, such as the history.
        saves: Checkpoints that an epoch writes on average.
    """

    compiling: float
    step: float
    steps: int
    steps_per_call: int
    validation: float
    test: float
    saving: float
    checkpoint_bytes: int
    writing: float
    saves: float

    @property
    def epoch(self) -> float:
        """Seconds of an epoch, with validation and checkpoints."""
        return self.steps * self.step + self.validation + self.saves * self.saving + self.writing

    @property
    def final(self) -> float:
        """Seconds to load the best weights and to evaluate them on the test split."""
        return self.saving + self.test

    def ends(self, test: bool = True) -> EndTimes:
        """Return what the end of a run takes; without `test`, the test split is not evaluated."""
        return EndTimes(self.step * self.steps_per_call, self.validation, self.test if test else 0.0, self.saving)


def rehearse(
    experiment: Experiment,
    splits: Splits,
    settings: RunSettings,
    backend: Backend,
    model: keras.Model,
    check: Check,
    seconds: float = SHORTEST,
) -> Rehearsal:
    """Take a few steps, evaluate a few examples and write a checkpoint, each measured; then restore the model.

    Args:
        experiment: The spec.
        splits: The data.
        settings: The settings chosen for the device.
        backend: Takes the steps.
        model: The compiled model, before its first step.
        check: Called after each call into the backend; may raise.
        seconds: How long to measure the steps, and how long the evaluation, at least.
    """
    with backend.scope():
        build_compiled_metrics(model, experiment)
    variables = [*model.variables, *model.optimizer.variables]
    before = [backend.read(variable) for variable in variables]
    batches = backend.batches(splits.train, settings.order, class_weights(experiment, splits.train.y))
    compiling, step = time_steps(model, backend, batches, check, seconds)
    each = time_evaluation(experiment, backend, model, splits.validation or splits.test, check, seconds)
    with tempfile.TemporaryDirectory() as folder:
        writing = time_writing(Path(folder) / "history.csv")
        size, saving = time_saving(experiment, splits, settings, backend, model, Path(folder) / "last.keras")
    for variable, value in zip(variables, before, strict=True):
        backend.write(variable, value)
    model.reset_metrics()
    every = experiment.training.checkpoint.every_epochs
    return Rehearsal(
        compiling=compiling,
        step=step,
        steps=settings.order.steps,
        steps_per_call=model.steps_per_execution,
        validation=each * len(splits.validation) if splits.validation is not None else 0.0,
        test=each * len(splits.test),
        saving=saving,
        checkpoint_bytes=size,
        writing=writing,
        saves=SAVED_SHARE + (1 / every if every else 0),
    )
