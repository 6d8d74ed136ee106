"""Summarize a model's layers with shapes and parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import keras

from deepcli.experiment.schema import Experiment
from deepcli.training.build import sketch_model


@dataclass(frozen=True)
class LayerRow:
    """One layer; None in a shape is a variable size, such as the batch's."""

    name: str
    kind: str
    shape: tuple[int | None, ...]
    parameters: int


@dataclass(frozen=True)
class Summary:
    """A model's layers and its parameters."""

    layers: tuple[LayerRow, ...]
    trainable: int
    total: int


def summarize(experiment: Experiment) -> Summary:
    """Build the model and describe it."""
    model = sketch_model(experiment, "float32")
    rows = [LayerRow(layer.name, type(layer).__name__, _shape(layer), layer.count_params()) for layer in model.layers]
    trainable = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    return Summary(tuple(rows), trainable, model.count_params())


def _shape(layer: keras.layers.Layer) -> tuple[int | None, ...]:
    output = layer.output
    if isinstance(output, Mapping):
        output = next(iter(output.values()))
    if isinstance(output, list | tuple):
        output = output[0]
    return tuple(output.shape)
