"""Looking inside a model while it computes, and computing without what only training does; for layers of any kind."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras


@dataclass(frozen=True)
class LayerCall:
    """One call of a layer.

    Attributes:
        layer: The layer.
        inputs: The tensors it took.
        outputs: The tensors it returned.
    """

    layer: keras.layers.Layer
    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]


@contextlib.contextmanager
def recorded_calls(model: keras.Model) -> Iterator[list[LayerCall]]:
    """Record the calls of a model's layers inside the block, in the order in which they end; the model must run eagerly."""
    calls: list[LayerCall] = []

    def watching(layer: keras.layers.Layer, call: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any, **kwargs: Any) -> Any:
            outputs = call(*args, **kwargs)
            calls.append(LayerCall(layer, _tensors((args, kwargs)), _tensors(outputs)))
            return outputs

        return watched

    layers = list(units_of(model))
    try:
        for layer in layers:
            # Through `vars`: Keras would track what is assigned to an attribute.
            vars(layer)["call"] = watching(layer, layer.call)
        yield calls
    finally:
        for layer in layers:
            vars(layer).pop("call", None)


def units_of(layer: keras.layers.Layer) -> Iterator[keras.layers.Layer]:
    """List the layers that compute: those without layers inside them, and recurrent layers as a whole."""
    inner = [one for one in layer._layers if isinstance(one, keras.layers.Layer)]
    if not inner or isinstance(layer, keras.layers.RNN | keras.layers.Wrapper):
        yield layer
        return
    seen: set[int] = set()
    for one in inner:
        for unit in units_of(one):
            if id(unit) not in seen:
                seen.add(id(unit))
                yield unit


def plain(model: keras.Model) -> None:
    """Leave out what only hinders learning by heart: dropout, noise, augmentation, and penalties on weights and outputs.

    Every layer computes as for inference, except those that keep statistics, such as batch normalization.
    """
    for layer in model._flatten_layers():
        layer.activity_regularizer = None
        parameters = inspect.signature(layer.call).parameters
        if "training" in parameters and not layer.non_trainable_weights:
            vars(layer)["call"] = _as_for_inference(layer.call)
    for variable in model.trainable_variables:
        variable.regularizer = None


def _as_for_inference(call: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **kwargs: call(*args, **{**kwargs, "training": False})


def _tensors(structure: Any) -> tuple[Any, ...]:
    return tuple(one for one in keras.tree.flatten(structure) if keras.ops.is_tensor(one))
