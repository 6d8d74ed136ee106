"""Detect divergence (NaN or infinite values) during training, and find the step and layer where it began."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from deepcli.nn.inner_optimizer import inner_optimizer
from deepcli.training.backend import Backend, Batches
from deepcli.training.state import Position

SECONDS_BETWEEN = 1.0
ADVICE = "try a lower optimizer.learning_rate, a schedule.warmup or optimizer.clipnorm"


class Diverged(Exception):
    """The loss or a weight became NaN or infinite; the message says which."""


@dataclass(frozen=True)
class Origin:
    """The step and layer in which the first NaN or infinite value appeared.

    Attributes:
        position: Position before that step.
        learning_rate: Learning rate in that step.
        what: The values and the layer, as text.
    """

    position: Position
    learning_rate: float
    what: str

    def __str__(self) -> str:
        step = f"step {self.position.total + 1} (epoch {self.position.epoch + 1})"
        return f"it began in {step}, at a learning rate of {self.learning_rate:.3g}, with {self.what}"


class Divergence(keras.callbacks.Callback):
    """Raises `Diverged` within a second, and in the same epoch, when the loss becomes NaN or infinite."""

    def __init__(self) -> None:
        super().__init__()
        self._looked = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        # Not at every step, as reading a value waits for the device.
        if time.monotonic() - self._looked >= SECONDS_BETWEEN:
            self._looked = time.monotonic()
            _demand_numbers({"loss": float((logs or {})["loss"])})

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        _demand_numbers({name: value for name, value in (logs or {}).items() if name.endswith("loss")})


def _demand_numbers(values: Mapping[str, float]) -> None:
    for name, value in values.items():
        if not math.isfinite(value):
            raise Diverged(f"{name} became {value}")


def demand_finite_weights(model: keras.Model) -> None:
    """Check before a checkpoint is written that all weights are finite.

    Raises:
        Diverged: A weight is infinite or NaN.
    """
    if names := _broken_layers(model, [(weight, weight) for weight in model.weights]):
        raise Diverged(f"weights of the layer {names[0]} became infinite or NaN")


def find_origin(
    model: keras.Model,
    backend: Backend,
    batches: Batches,
    start: Position,
    end: int,
    check: Callable[[Position], None],
) -> Origin | None:
    """Repeat training one step at a time until a value becomes NaN or infinite.

    Args:
        model: Compiled for one step per call, with the variables of the start.
        backend: Takes the steps.
        batches: The training split.
        start: The model's position.
        end: Total step at which to give up.
        check: Called with the position before each step; may raise, or change what trains.

    Returns:
        The origin; None if the values stay finite this time, as may happen on a nondeterministic device.
    """
    position = start
    while position.total < end:
        steps = min(batches.order.steps, position.step + end - position.total)
        iterator = batches.epoch(position.epoch, position.step, steps)
        for step in range(position.step, steps):
            position = Position(position.epoch, step, position.total)
            check(position)
            before = _values(model, backend)
            rate = float(inner_optimizer(model).learning_rate)
            model.reset_metrics()
            loss = float(backend.take_steps(model, iterator)["loss"])
            weights = [(weight, backend.read(weight)) for weight in model.weights]
            if not math.isfinite(loss) or _broken_layers(model, weights):
                for variable, value in before:
                    backend.write(variable, value)
                batch = backend.whole(next(iter(batches.epoch(position.epoch, step, step + 1))))
                return Origin(position, rate, _first(model, backend, batch, weights))
            position = Position(position.epoch, step + 1, position.total + 1)
        backend.complete_update(model)
        position = Position(position.epoch + 1, 0, position.total)
    return None


def _first(model: keras.Model, backend: Backend, batch: Any, weights_after: Iterable[tuple[Any, np.ndarray]]) -> str:
    """Describe the first values of a step that are not finite: outputs, then gradients, then weights."""
    for layer, outputs in _outputs(model, batch[0]):
        if not all(map(_is_finite, outputs)):
            return f"outputs of the layer {_named(layer)}"
    gradients = zip(model.trainable_variables, backend.gradients(model, batch), strict=True)
    if names := _broken_layers(model, gradients):
        return f"gradients of the layer {names[-1]}"  # the first in the order of backpropagation
    if names := _broken_layers(model, weights_after):
        return f"the new weights of the layer {names[0]}"
    return "the loss, while all outputs and gradients are finite"


def _outputs(model: keras.Model, x: Any) -> Iterable[tuple[keras.layers.Layer, list[Any]]]:
    """Compute every layer's outputs in training mode, from the input to the output."""
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    probe = keras.Model(model.inputs, [layer.output for layer in layers])
    for layer, output in zip(layers, probe(x, training=True), strict=True):
        yield layer, keras.tree.flatten(output)


def _broken_layers(model: keras.Model, values: Iterable[tuple[Any, Any]]) -> list[str]:
    """List the layers with a variable that is not finite, from the input to the output."""
    broken = {id(variable) for variable, value in values if not _is_finite(value)}
    return [_named(layer) for layer in model.layers if broken & {id(weight) for weight in layer.weights}]


def _is_finite(value: Any) -> bool:
    array = np.asarray(keras.ops.convert_to_numpy(value))
    if array.dtype.kind == "V":  # NumPy does not know bfloat16
        array = array.astype(np.float32)
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


def _named(layer: keras.layers.Layer) -> str:
    return f"{layer.name} ({type(layer).__name__})"


def _values(model: keras.Model, backend: Backend) -> list[tuple[Any, np.ndarray]]:
    variables = [*model.variables, *model.optimizer.variables]
    return [(variable, backend.read(variable)) for variable in variables]
