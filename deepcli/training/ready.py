"""A model that is ready for its first step."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import keras

from deepcli.data.arrays.splits import Splits
from deepcli.data.files import OFFLINE, Sources
from deepcli.errors import CheckpointError
from deepcli.experiment.schema import Experiment
from deepcli.models.base import Start
from deepcli.run.checkpoint.file import CheckpointFile, find, open_checkpoint
from deepcli.spec.trees import differences
from deepcli.training.averaging import begin_averages
from deepcli.training.backend import Backend
from deepcli.training.build import build_model, compile_model, forget_models
from deepcli.training.memory_check import to_train
from deepcli.training.saving import load_weights
from deepcli.training.settings import RunSettings


def ready_model(
    experiment: Experiment,
    splits: Splits,
    settings: RunSettings,
    backend: Backend,
    resumed: bool = False,
    forget: bool = True,
    sources: Sources = OFFLINE,
    note: Callable[[str], object] = lambda line: None,
) -> keras.Model:
    """Build, adapt and compile a model, ready for its first step.

    Args:
        experiment: The spec.
        splits: The data.
        settings: The settings chosen for the device.
        backend: The backend to build for.
        resumed: Whether a checkpoint will be loaded, so that initial weights need not be read.
        forget: Whether to clear earlier models in this process first, so that layers are named as in a new process.
        sources: Where the model may look for files that it starts from.
        note: Shows what the model starts from.

    Raises:
        DataError: A file that the model starts from is missing or does not fit.
        CheckpointError: `training.initial_weights` are damaged or do not match the model.
    """
    if forget:
        forget_models()
    wanted = None if resumed else experiment.training.initial_weights
    with backend.scope():
        model = build_model(
            experiment, settings.precision.value, lambda: None if settings.device.is_gpu else to_train(experiment)
        )
        if not resumed:
            experiment.model.begin(model, Start(experiment.signature, splits, sources, note))
            experiment.resolved_task.adapt(model, splits.train.y)
        if wanted is not None:
            # The model has no optimizer yet, so the optimizer's state is not loaded.
            _load_initial(model, experiment, open_checkpoint(find(Path(wanted).expanduser())[0]))
        compile_model(
            model,
            experiment,
            settings.order.steps,
            jit=settings.jit.value,
            steps_per_execution=settings.steps_per_execution.value,
        )
        begin_averages(model)
        backend.prepare(model)
    return model


def _load_initial(model: keras.Model, experiment: Experiment, checkpoint: CheckpointFile) -> None:
    try:
        load_weights(model, checkpoint)
        experiment.model.enter(model, 0)  # the other run may have ended in a later stage
    except CheckpointError as error:
        before, now = (one.model.model_dump(mode="json") for one in (checkpoint.experiment, experiment))
        lines = [
            f"  model.{path}: {json.dumps(theirs)} in the checkpoint, {json.dumps(ours)} here"
            for path, (theirs, ours) in differences(before, now)
        ]
        raise CheckpointError("\n".join([f"training.initial_weights: {error}", *lines])) from None
