"""From an experiment to a Keras model, and to one that can be trained."""

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
from deepcli.optim.schedules import Schedule, count
from deepcli.spec.registry import Spec
from deepcli.training.backend import OUT_OF_MEMORY
from deepcli.training.memory_check import to_predict
from deepcli.training.model_size import Room, build_within, without_values


def build_model(experiment: Experiment, precision: str, room: Callable[[], Room | None] = to_predict) -> keras.Model:
    """Build the model with fresh weights; the same seed gives the same weights.

    Args:
        experiment: The spec.
        precision: Keras's dtype policy.
        room: Tells how many parameters there is room for; None where that is not known.

    Raises:
        TrainingError: There is not enough memory for it.
        CheckpointError: It is larger than the checkpoint that should hold its weights.
        UsageError: It leaves out the augmentation that the spec asks for.
    """
    with naming_memory():
        model = build_within(functools.partial(_build, experiment, precision), room, forget_models)
    wanted = {type(layer) for layer in augmentation_layers(experiment.signature.augmentation)}
    if missing := wanted - {type(layer) for layer in model.layers}:
        # Only a plugin's model can do that; nothing in a spec is ignored in silence.
        raise UsageError(
            f"data.augmentation: the model {experiment.model.type!r} makes its own input and leaves out "
            f"{', '.join(sorted(kind.__name__ for kind in missing))}; `deepcli.models.inputs` has inputs that do not"
        )
    return model


def sketch_model(experiment: Experiment, precision: str) -> keras.Model:
    """Build the model to be looked at: with shapes, and without values where it can do without."""
    return without_values(functools.partial(_build, experiment, precision)) or build_model(experiment, precision)


def _build(experiment: Experiment, precision: str) -> keras.Model:
    _seed(experiment)
    with dtype_policy(precision):
        return experiment.model.build(experiment.signature, experiment.head)


@contextlib.contextmanager
def naming_memory() -> Iterator[None]:
    """Turn what TensorFlow or Python raises over too little memory into an error of ours."""
    try:
        yield
    except OUT_OF_MEMORY:
        raise TrainingError("out of memory while building the model; make it smaller") from None


def _seed(experiment: Experiment) -> None:
    """Seed whatever a model may draw from while it is built, or its layers later by other means than Keras's.

    Keras draws its seeds from Python's generator. Only a plugin's layer could use TensorFlow's global seed, and setting
    it throws every compiled step of this process away.
    """
    if experiment.training.deterministic or not is_own(experiment):
        keras.utils.set_random_seed(experiment.seed)
    else:
        random.seed(experiment.seed)
        np.random.seed(experiment.seed)


def is_own(value: object) -> bool:
    """Tell whether all components of a spec are deepcli's own, none a plugin's."""
    if isinstance(value, Spec):
        inner = (getattr(value, name) for name in type(value).model_fields)
        return type(value).__module__.startswith("deepcli.") and all(map(is_own, inner))
    if isinstance(value, Mapping):
        return all(map(is_own, value.values()))
    return not isinstance(value, list | tuple) or all(map(is_own, value))


def forget_models() -> None:
    """Drop what Keras remembers of earlier models in this process, the numbers in its layers' names first of all."""
    keras.backend.clear_session(free_memory=False)


def compile_model(
    model: keras.Model, experiment: Experiment, steps_per_epoch: int, *, jit: bool, steps_per_execution: int
) -> None:
    """Give the model its loss, metrics, optimizer and schedule."""
    optimizer = experiment.optimizer
    # Steps of the data, not updates: that is what Keras asks a schedule for, whatever it accumulates.
    rate = learning_rate(experiment.schedule, optimizer.learning_rate, experiment.total_steps(steps_per_epoch))
    model.compile(
        optimizer=accumulating(optimizer.build(rate)),
        loss=experiment.loss.build(experiment.signature),
        metrics=build_metrics(experiment),
        jit_compile=jit,
        steps_per_execution=steps_per_execution,
    )
    with naming_memory():
        model.optimizer.build(model.trainable_variables)


def build_metrics(experiment: Experiment) -> list[keras.metrics.Metric]:
    """Build new metrics, as the spec lists them."""
    return [metric.build(experiment.signature, experiment.head) for metric in experiment.metrics]


def build_compiled_metrics(model: keras.Model) -> None:
    """Give a compiled model's metrics their variables, which they would have after the first step."""
    outputs = keras.ops.zeros((1, *model.output_shape[1:]))
    model.compute_metrics(None, keras.ops.zeros(1, "int32"), outputs)
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
