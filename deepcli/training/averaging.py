"""Averaged weights: evaluation and prediction use them if the optimizer keeps an average of the training weights.

Keras calls them an optimizer's final values: the moving average of `use_ema`, the average of schedule-free AdamW, or
what a plugin's optimizer computes in `finalize_variable_values`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras

from deepcli.experiment.schema import Experiment
from deepcli.nn.accumulation import accumulating
from deepcli.nn.inner_optimizer import inner_optimizer, inside
from deepcli.nn.learning_rate import LearningRate
from deepcli.nn.tracked_rate import tracking_rate


def averages(optimizer: keras.optimizers.Optimizer) -> bool:
    """Return whether an optimizer has final values for the weights."""
    inner = inside(optimizer)
    return bool(
        inner.use_ema or type(inner).finalize_variable_values is not keras.optimizers.Optimizer.finalize_variable_values
    )


def caveat(model: keras.Model) -> str | None:
    """Return a warning if averaged weights meet batch statistics of the training weights; else None."""
    layers = model._flatten_layers()
    if averages(model.optimizer) and any(isinstance(layer, keras.layers.BatchNormalization) for layer in layers):
        return (
            "batch normalization keeps statistics of the training weights, but evaluation uses averaged weights; "
            "metrics of early epochs may be worse"
        )
    return None


def begin_averages(model: keras.Model) -> None:
    """Start moving averages at the initial weights; Keras starts them at zero and replaces them in the first step."""
    optimizer = inner_optimizer(model)
    if optimizer.use_ema:
        for average, variable in zip(optimizer._model_variables_moving_average, model.trainable_variables, strict=True):
            average.assign(variable)


@contextlib.contextmanager
def averaged_weights(model: keras.Model) -> Iterator[bool]:
    """Replace the weights with their averages inside the block; yield False if the optimizer keeps none."""
    optimizer = inner_optimizer(model)
    if not averages(optimizer):
        yield False
        return
    variables = model.trainable_variables
    raw = [keras.ops.convert_to_numpy(variable) for variable in variables]
    try:
        optimizer.finalize_variable_values(variables)
        yield True
    finally:
        for variable, value in zip(variables, raw, strict=True):
            variable.assign(value)


def build_optimizer(experiment: Experiment, precision: str) -> keras.optimizers.Optimizer:
    """Build an optimizer with the same variables as in training, so that a checkpoint's can be loaded into it."""
    optimizer = accumulating(experiment.optimizer.build(LearningRate(experiment.optimizer.learning_rate)))
    if precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    return tracking_rate(optimizer)


@contextlib.contextmanager
def lent_optimizer(model: keras.Model, optimizer: keras.optimizers.Optimizer) -> Iterator[None]:
    """Give a model an optimizer inside the block, so that Keras loads the optimizer's variables with the weights."""
    with without_optimizer(model):
        optimizer.build(model.trainable_variables)
        model.optimizer = optimizer
        try:
            yield
        finally:
            del model.optimizer


@contextlib.contextmanager
def without_optimizer(model: keras.Model) -> Iterator[None]:
    """Take a model's optimizer away inside the block, so that Keras loads the weights alone."""
    own = getattr(model, "optimizer", None)
    if own is not None:
        del model.optimizer
    try:
        yield
    finally:
        if own is not None:
            model.optimizer = own
