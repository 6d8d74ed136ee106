"""Floating-point operations of a model, counted layer by layer while one real example passes through it.

Counted are the multiply-adds of matrix products and convolutions, each as two operations, as papers do. Sums, activations,
normalization, pooling and lookups in embeddings are left out: they are few, or move memory rather than compute. TensorFlow's
profiler is not used, as it counts the body of a recurrent loop once, whatever the length.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from deepcli.training.memory_check import bytes_of

TRAINING = 3
"""Passes of a training step: forward, and backward for the gradients of the weights and for those of the inputs."""

_TRANSPOSED = (keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose)


@dataclass(frozen=True)
class Pass:
    """What the forward pass of one example takes.

    Attributes:
        flops: Floating-point operations.
        outputs: Bytes of the outputs of the model's layers.
    """

    flops: int
    outputs: int


def forward_pass(model: keras.Model, example: np.ndarray) -> Pass:
    """Count the operations of one prediction, and the bytes of what the layers return.

    Args:
        model: The model.
        example: One example as the model takes it, (1, ...).
    """
    counted = _Count(model)
    with counted.calls():
        model(example, training=False)
    return Pass(counted.flops, counted.outputs)


class _Count:
    """Adds up the operations of every layer that is called, at any depth, and the outputs of the model's own layers."""

    def __init__(self, model: keras.Model) -> None:
        self.flops = self.outputs = 0
        self._own = {id(layer) for layer in model.layers}

    @contextmanager
    def calls(self) -> Iterator[None]:
        """Count each call of a layer inside the block."""
        original = keras.layers.Layer.__call__

        def call(layer: keras.layers.Layer, *args: Any, **kwargs: Any) -> Any:
            outputs = original(layer, *args, **kwargs)
            self.flops += _flops(layer, args, kwargs, outputs)
            if id(layer) in self._own:
                made = keras.tree.flatten(outputs)
                self.outputs += sum(bytes_of(x.shape, keras.backend.standardize_dtype(x.dtype)) for x in made)
            return outputs

        keras.layers.Layer.__call__ = call
        try:
            yield
        finally:
            keras.layers.Layer.__call__ = original


def _flops(layer: keras.layers.Layer, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: Any) -> int:
    inputs = keras.tree.flatten([args, kwargs])
    if not inputs or not hasattr(inputs[0], "shape"):
        return 0
    if isinstance(layer, keras.layers.MultiHeadAttention):
        return _attention(layer, args, kwargs)
    if isinstance(layer, keras.layers.EinsumDense):
        return 2 * _einsum(layer.equation, inputs[0].shape, layer.kernel.shape)
    if isinstance(layer, keras.layers.RNN):  # its cell may be called at each step, or not at all
        return 2 * int(inputs[0].shape[1]) * sum(_kernels(cell) for cell in _cells(layer.cell))
    if hasattr(layer, "state_size") or not keras.backend.is_float_dtype(
        keras.backend.standardize_dtype(inputs[0].dtype)
    ):
        return 0
    shape = (inputs[0] if isinstance(layer, _TRANSPOSED) else keras.tree.flatten(outputs)[0]).shape
    places = shape[1:-1] if getattr(layer, "data_format", None) != "channels_first" else shape[2:]
    return 2 * math.prod(map(int, places)) * _kernels(layer)


def _kernels(layer: keras.layers.Layer) -> int:
    """Count the entries of a layer's own kernels: each is used once at each place of the output."""
    own = [*layer._trainable_variables, *layer._non_trainable_variables]
    return sum(math.prod(weight.shape) for weight in own if "kernel" in weight.name and len(weight.shape) > 1)


def _cells(cell: Any) -> list[Any]:
    return list(getattr(cell, "cells", [cell]))


def _attention(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """Count the products of queries with keys, and of weights with values; the projections are layers of their own."""
    query, value = (args[index] if len(args) > index else kwargs[name] for index, name in enumerate(("query", "value")))
    pairs = math.prod(map(int, query.shape[1:-1])) * math.prod(map(int, value.shape[1:-1]))
    return int(2 * layer.num_heads * pairs * (layer.key_dim + layer.value_dim))


def _einsum(equation: str, *shapes: Any) -> int:
    """Return the product of the sizes of all indices of an equation such as `abc,cd->abd`."""
    sizes: dict[str, int] = {}
    for letters, shape in zip(equation.split("->")[0].split(","), shapes, strict=True):
        named = letters.replace("...", "")
        before = letters.find("...") if "..." in letters else 0
        spread = len(shape) - len(named)
        for place in range(spread):
            sizes[f"...{place}"] = int(shape[before + place])
        kept = [*shape[:before], *shape[before + spread :]]
        sizes.update({letter: int(size) for letter, size in zip(named, kept, strict=True)})
    return math.prod(sizes.values())
