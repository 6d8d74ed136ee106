"""How much room there is for a model, in memory or in the checkpoint that is said to hold it, and what to say of that."""

from __future__ import annotations

import math

import keras
import numpy as np

from deepcli.errors import CheckpointError, TrainingError
from deepcli.experiment.schema import Experiment
from deepcli.run.checkpoint.file import WEIGHTS, CheckpointFile
from deepcli.system.memory import memory_limit
from deepcli.training.model_size import Room, Size

BYTES = 4
"""Of a parameter, of its gradient and of each value that an optimizer keeps for it: all are float32."""
SPARE = 2
"""A checkpoint's model may have so many times the parameters that its file has room for, lest an exotic one is refused."""
NOTABLE_SHARE, NOTABLE_RATIO = 0.1, 200
"""Of memory, and parameters for each value of the training data, from which a model's size is worth a notice."""
SIDE = 8


def to_predict() -> Room:
    """Tell how many parameters fit into memory."""
    memory = memory_limit()
    return Room(
        memory // BYTES, lambda size: TrainingError(f"{size}; {_needs(size, 1, memory)}; make the model smaller")
    )


def to_train(experiment: Experiment) -> Room:
    """Tell how many parameters fit into memory with their gradients and what the optimizer keeps for each."""
    memory, each = memory_limit(), 2 + kept_by_optimizer(experiment)

    def error(size: Size) -> TrainingError:
        beside = f"with gradients and the state of {experiment.optimizer.type}, "
        return TrainingError(f"{size}; {beside}{_needs(size, each, memory)}; make the model smaller")

    return Room(int(memory // (BYTES * each)), error)


def to_load(checkpoint: CheckpointFile, on_gpu: bool = False) -> Room:
    """Tell how many parameters a checkpoint's model may have: what its file can hold, and what fits into memory.

    How much a GPU has is not known beforehand.
    """
    held = SPARE * checkpoint.size(WEIGHTS)
    memory = to_predict()

    def error(size: Size) -> CheckpointError:
        why = f"{size}, and its weights are only {_human(held // SPARE)}; it is damaged or made up"
        return CheckpointError(f"{checkpoint.path}: by its spec, {why}")

    return Room(held // BYTES, error) if on_gpu or held // BYTES < memory.parameters else memory


def kept_by_optimizer(experiment: Experiment) -> float:
    """Count the values that an optimizer keeps for each parameter of a matrix, by building it for a small one."""
    optimizer = experiment.optimizer.build(experiment.optimizer.learning_rate)
    optimizer.build([keras.Variable(np.zeros((SIDE, SIDE), "float32"))])
    kept: int = sum(math.prod(variable.shape) for variable in optimizer.variables if len(variable.shape))
    return kept / SIDE**2


def notice(model: keras.Model, experiment: Experiment) -> str | None:
    """Word what should be known of a compiled model's size: that it is large for memory, or for the data."""
    parameters = model.count_params()
    trained = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    kept = sum(math.prod(variable.shape) for variable in model.optimizer.variables)
    needed, memory = BYTES * (parameters + trained + kept), memory_limit()
    signature = experiment.signature
    values = signature.examples * math.prod(size or 1 for size in signature.shape)
    if needed < NOTABLE_SHARE * memory and trained < NOTABLE_RATIO * values:
        return None
    most = max(model.layers, key=lambda layer: layer.count_params())
    return (
        f"{Size(parameters, most.name, most.count_params())}; training takes {_human(needed)} of "
        f"{_human(memory)} of memory, and the training split has {values:,} values"
    )


def demand_batch(model: keras.Model, batch_size: int) -> None:
    """Check that what each layer makes of a batch fits into memory, by itself; sizes that vary with the batch count as 1.

    Raises:
        TrainingError: It does not.
    """
    memory = memory_limit()
    made = [(_made_of_each(layer), layer.name) for layer in model.layers]
    most, name = max(made)
    if most * batch_size > memory:
        raise TrainingError(
            f"a batch of {batch_size} takes {_human(most * batch_size)} of memory in the layer {name} alone, and there are "
            f"{_human(memory)}; make data.batch_size or the layer smaller"
        )


def _made_of_each(layer: keras.layers.Layer) -> int:
    """Return the bytes that a layer makes of one example; 0 where that is not known."""
    try:
        outputs = keras.tree.flatten(layer.output)
    except (AttributeError, ValueError):  # a plugin's, called twice or inside another
        return 0
    return sum(math.prod(size or 1 for size in x.shape[1:]) * np.dtype(_numpy_dtype(x.dtype)).itemsize for x in outputs)


def _numpy_dtype(name: str) -> str:
    return "float16" if name == "bfloat16" else name


def _needs(size: Size, each: float, memory: int) -> str:
    return f"that takes {_human(size.parameters * each * BYTES)} of memory, and there are {_human(memory)}"


def _human(count: float) -> str:
    """Write a number of bytes with a unit."""
    units = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
    power = min(int(math.log(max(count, 1), 1024)), len(units) - 1)
    return f"{count / 1024**power:,.1f} {units[power]}" if power else f"{count:.0f} bytes"
