"""Build a Keras model from a spec, and compile it for training."""

from __future__ import annotations

import contextlib
import functools
import random
from collections.abc import Callable, Iterator, Mapping

import keras
import numpy as np

from deepcli.errors import TrainingError, UsageError
from deepcli.experiment.schema import Experiment
from deepcli.nn.accumulation import accumulating
from deepcli.nn.augmentation import augmentation_layers
from deepcli.nn.learning_rate import LearningRate
from deepcli.nn.tracked_rate import tracking_rate
from deepcli.optim.schedules import Schedule, count
from deepcli.spec.registry import Spec
from deepcli.training.backend import out_of_memory
from deepcli.training.memory_check import to_predict
from deepcli.training.model_size import Room, build_within, without_values


def build_model(experiment: Experiment, precision: str, room: Callable[[], Room | None] = to_predict) -> keras.Model:
    """Build the model with fresh weights; the same seed gives the same weights.

    Args:
        experiment: The spec.
        precision: Keras's dtype policy.
        room: Returns the limit on parameters; None if it is not known.

    Raises:
        TrainingError: The model does not fit in memory.
        CheckpointError: The model is larger than the checkpoint that should hold its weights.
        UsageError: The model leaves out the augmentation that the spec requests.
    """
    with naming_memory():
        model = build_within(functools.partial(_build, experiment, precision), room, forget_models)
    wanted = {type(layer) for layer in augmentation_layers(experiment.signature.augmentation)}
    if missing := wanted - {type(layer) for layer in model.layers}:
        # Only a plugin's model can leave it out; no field of a spec is ignored silently.
        raise UsageError(
            f"data.augmentation: the model {experiment.model.type!r} builds its own input layer and leaves out "
            f"{', '.join(sorted(kind.__name__ for kind in missing))}; use an input of `deepcli.models.inputs`"
        )
    return model


def sketch_model(experiment: Experiment, precision: str) -> keras.Model:
    """Build the model for display: with shapes, and without allocating weights where that is possible."""
    return without_values(functools.partial(_build, experiment, precision)) or build_model(experiment, precision)


def _build(experiment: Experiment, precision: str) -> keras.Model:
    _seed(experiment)
    with dtype_policy(precision):
        return experiment.model.build(experiment.signature, experiment.head)


@contextlib.contextmanager
def naming_memory() -> Iterator[None]:
    """Turn an out-of-memory exception of the backend or Python into a TrainingError."""
    try:
        yield
    except out_of_memory():
        raise TrainingError("out of memory while building the model; make it smaller") from None


def _seed(experiment: Experiment) -> None:
    """Seed every random generator that building a model, or a plugin's layers later, may use.

    Keras draws its seeds from Python's generator. Only a plugin's layer could use TensorFlow's global seed; setting it
    discards every compiled step of this process, so it is set only for plugins and for deterministic training.
    """
    if experiment.training.deterministic or not is_own(experiment):
        keras.utils.set_random_seed(experiment.seed)
    else:
        random.seed(experiment.seed)
        np.random.seed(experiment.seed)


def is_own(value: object) -> bool:
    """Return whether all components of a spec are deepcli's own and none comes from a plugin."""
    if isinstance(value, Spec):
        inner = (getattr(value, name) for name in type(value).model_fields)
        return type(value).__module__.startswith("deepcli.") and all(map(is_own, inner))
    if isinstance(value, Mapping):
        return all(map(is_own, value.values()))
    return not isinstance(value, list | tuple) or all(map(is_own, value))


def forget_models() -> None:
    """Clear what Keras keeps of earlier models in this process, above all the numbers in layer names."""
    keras.backend.clear_session(free_memory=False)


def compile_model(
    model: keras.Model,
    experiment: Experiment,
    steps_per_epoch: int,
    *,
    jit: bool,
    steps_per_execution: int,
    stage: int = 0,
    scale: float = 1.0,
) -> None:
    """Give the model its loss, metrics, optimizer and schedule, for one of its stages.

    Args:
        model: The model, with the layers of the stage set to train.
        experiment: The spec.
        steps_per_epoch: Training steps per epoch.
        jit: Whether XLA compiles the steps.
        steps_per_execution: Steps per call into the backend.
        stage: The position of the stage.
        scale: Factor on the learning rate.
    """
    optimizer = experiment.optimizer
    peak = experiment.model.stages[stage].learning_rate or optimizer.learning_rate
    # Steps of the data, not updates: Keras evaluates a schedule at each step even if gradients accumulate.
    rate = learning_rate(experiment.schedule, peak, experiment.stage_steps(steps_per_epoch)[stage])
    rate.scale.assign(scale)
    model.compile(
        optimizer=accumulating(optimizer.build(rate)),
        loss=build_loss(experiment),
        metrics=build_metrics(experiment),
        jit_compile=jit,
        steps_per_execution=steps_per_execution,
    )
    tracking_rate(model.optimizer)  # Keras may have put it into loss scaling
    with naming_memory():
        model.optimizer.build(model.trainable_variables)


def build_loss(experiment: Experiment) -> keras.losses.Loss:
    """Build the loss of targets as the data have them and of predictions as the model has them."""
    return experiment.resolved_task.build_loss(experiment.resolved_loss, experiment.signature)


def build_metrics(experiment: Experiment) -> list[keras.metrics.Metric]:
    """Build new metric objects in the order of the spec."""
    return [metric.build(experiment.signature, experiment.head) for metric in experiment.metrics]


def build_compiled_metrics(model: keras.Model, experiment: Experiment) -> None:
    """Create the variables of a compiled model's metrics, which Keras would create in the first step."""
    shape, dtype = experiment.resolved_task.target_form(experiment.signature)
    outputs = keras.ops.zeros((1, *(size or shape[0] for size in model.output_shape[1:])))
    model.compute_metrics(None, keras.ops.zeros((1, *shape), dtype), outputs)
    model.reset_metrics()


@contextlib.contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """Build layers under a dtype policy."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def learning_rate(schedule: Schedule, peak: float, steps: int) -> LearningRate:
    """Build the learning rate of a run with a number of steps."""
    warmup = count(schedule.warmup, steps)
    after = schedule.build(peak, max(steps - warmup, 1))
    return LearningRate(peak, warmup, after, warmup_from=schedule.warmup_from, steps=steps)
