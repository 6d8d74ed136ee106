"""Limits on a model's size, by memory or by the checkpoint that holds it, with their errors and notices."""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
import numpy as np

from deepcli.errors import CheckpointError, TrainingError
from deepcli.experiment.schema import Experiment
from deepcli.nn.tracked_rate import saved_variables
from deepcli.run.checkpoint.file import WEIGHTS, CheckpointFile
from deepcli.system.memory import memory_limit
from deepcli.training.model_size import Room, Size

BYTES = 4
"""Bytes of a parameter, of its gradient and of each value that an optimizer keeps for it: all are float32."""
SPARE = 2
"""A checkpoint's model may have this many times the parameters that fit in its file, to allow unusual models."""
NOTABLE_SHARE, NOTABLE_RATIO = 0.1, 200
"""Share of memory, and parameters per value in the training data, from which a model's size gives a notice."""
SIDE = 8


def to_predict() -> Room:
    """Return the limit on parameters for prediction: those that fit in memory."""
    memory = memory_limit()
    return Room(
        memory // BYTES, lambda size: TrainingError(f"{size}; {_needs(size, 1, memory)}; make the model smaller")
    )


def to_train(experiment: Experiment) -> Room:
    """Return the limit on parameters for training: those that fit in memory with gradients and optimizer state."""
    memory, each = memory_limit(), 2 + kept_by_optimizer(experiment)

    def error(size: Size) -> TrainingError:
        beside = f"with gradients and the state of {experiment.optimizer.type}, "
        return TrainingError(f"{size}; {beside}{_needs(size, each, memory)}; make the model smaller")

    return Room(int(memory // (BYTES * each)), error)


def to_load(checkpoint: CheckpointFile, on_gpu: bool = False) -> Room:
    """Return the limit on parameters of a checkpoint's model: those that fit in its file and in memory.

    The memory of a GPU is not known in advance, so on a GPU only the file counts.
    """
    held = SPARE * checkpoint.size(WEIGHTS)
    memory = to_predict()

    def error(size: Size) -> CheckpointError:
        why = f"{size}, but its weights have only {human(held // SPARE)}; the file is damaged or manipulated"
        return CheckpointError(f"{checkpoint.path}: by its spec, {why}")

    return Room(held // BYTES, error) if on_gpu or held // BYTES < memory.parameters else memory


def kept_by_optimizer(experiment: Experiment) -> float:
    """Count the values that an optimizer keeps per parameter, by building it for a small matrix."""
    optimizer = experiment.optimizer.build(experiment.optimizer.learning_rate)
    optimizer.build([keras.Variable(np.zeros((SIDE, SIDE), "float32"))])
    kept: int = sum(math.prod(variable.shape) for variable in optimizer.variables if len(variable.shape))
    return kept / SIDE**2


def notice(model: keras.Model, experiment: Experiment) -> str | None:
    """Return a notice about a compiled model that is large for the memory or the data; None for others."""
    parameters = model.count_params()
    trained = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    kept = sum(math.prod(variable.shape) for variable in saved_variables(model.optimizer))
    needed, memory = BYTES * (parameters + trained + kept), memory_limit()
    signature = experiment.signature
    of_example = sum if signature.kind == "pairs" else math.prod
    values = signature.examples * of_example(size or 1 for size in signature.shape)
    if needed < NOTABLE_SHARE * memory and trained < NOTABLE_RATIO * values:
        return None
    most = max(model.layers, key=lambda layer: layer.count_params())
    return (
        f"{Size(parameters, most.name, most.count_params())}; training takes {human(needed)} of "
        f"{human(memory)} of memory, and the training split has {values:,} values"
    )


def demand_batch(model: keras.Model, batch_size: int) -> None:
    """Check that each layer's outputs for a batch fit in memory; sizes that vary with the batch count as 1.

    Raises:
        TrainingError: The outputs of a layer do not fit.
    """
    memory = memory_limit()
    made = [(_made_of_each(layer), layer.name) for layer in model.layers]
    most, name = max(made)
    if most * batch_size > memory:
        raise TrainingError(
            f"a batch of {batch_size} needs {human(most * batch_size)} of memory in the layer {name} alone, but only "
            f"{human(memory)} are available; reduce data.batch_size or the layer"
        )


def _made_of_each(layer: keras.layers.Layer) -> int:
    """Return the bytes of a layer's outputs for one example; 0 if not known."""
    try:
        outputs = keras.tree.flatten(layer.output)
    except (AttributeError, ValueError):  # a plugin's layer, called twice or inside another one
        return 0
    return sum(bytes_of(x.shape[1:], x.dtype) for x in outputs)


def bytes_of(shape: Sequence[int | None], dtype: str) -> int:
    """Return the bytes of an array; sizes that vary count as 1."""
    return math.prod(size or 1 for size in shape) * np.dtype("float16" if dtype == "bfloat16" else dtype).itemsize


def _needs(size: Size, each: float, memory: int) -> str:
    return f"it needs {human(size.parameters * each * BYTES)} of memory, but only {human(memory)} are available"


def human(count: float) -> str:
    """Write a number of bytes with a unit."""
    units = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
    power = min(int(math.log(max(count, 1), 1024)), len(units) - 1)
    return f"{count / 1024**power:,.1f} {units[power]}" if power else f"{count:.0f} bytes"
