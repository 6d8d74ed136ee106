"""The spec of a trial: the same model, data, loss and optimizer, without a schedule and without what a run does beside steps."""

from __future__ import annotations

from typing import Any

from deepcli.experiment.schema import Experiment
from deepcli.optim.schedules import Constant

FOREVER = 1 << 20
"""Epochs that no trial reaches; its steps end it."""
STEPS = 1000
"""Steps of a trial whose rate is constant. Its rates are tabulated, so a very long one would take memory."""


def trial_spec(experiment: Experiment, steps: int = STEPS, **training: Any) -> Experiment:
    """Return the spec of a trial.

    Args:
        experiment: The spec.
        steps: The training steps (batches) of the trial; after them, the rate remains that of the last one.
        training: Further fields of the section `training`.
    """
    ending = {"epochs": FOREVER, "max_steps": steps, "max_time": None, "early_stopping": None}
    short = {**ending, "trackers": (), "callbacks": ()}
    return experiment.model_copy(
        update={
            "schedule": Constant(),
            "optimizer": experiment.optimizer.without_warmup(),
            "training": experiment.training.model_copy(update=short | training),
        }
    )
