"""Stages of a run: parts that train different layers, each with an optimizer and a schedule of its own.

A stage begins right before the first step of its first epoch, so a checkpoint's position gives the stage that it was written
in: that of its last step.
"""

from __future__ import annotations

import math

import keras

from deepcli.experiment.schema import Experiment
from deepcli.training.averaging import begin_averages
from deepcli.training.backend import Backend
from deepcli.training.build import compile_model
from deepcli.training.settings import RunSettings


def enter_stage(
    model: keras.Model, experiment: Experiment, settings: RunSettings, backend: Backend, stage: int, rollbacks: int = 0
) -> None:
    """Make a compiled model ready for the first step of a stage: other layers train, by a new optimizer.

    Args:
        model: The model; its weights stay as they are.
        experiment: The spec.
        settings: The settings of the run.
        backend: The backend to prepare for.
        stage: The stage.
        rollbacks: Rollbacks after divergences so far; each halves the learning rate.
    """
    with backend.scope():
        experiment.model.enter(model, stage)
        compile_model(
            model,
            experiment,
            settings.order.steps,
            jit=settings.jit.value,
            steps_per_execution=settings.steps_per_execution.value,
            stage=stage,
            scale=0.5**rollbacks,
        )
        begin_averages(model)
        backend.prepare(model)


def stage_line(experiment: Experiment, model: keras.Model, stage: int) -> str:
    """Describe a stage that begins."""
    begins = experiment.model.stages[stage]
    trained = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    rate = begins.learning_rate or experiment.optimizer.learning_rate
    return f"stage {stage + 1} begins after epoch {begins.begins}: {trained:,} weights train; learning rate {rate:g}"
