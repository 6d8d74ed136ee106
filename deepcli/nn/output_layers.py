"""Last layers of models: ordered levels, labels with thresholds, and probabilities with a temperature."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

# The limits of `deepcli.evaluation.calibration`, which fits the temperature; a test compares both.
LEAST = float(np.finfo(np.float32).tiny)
"""The least probability of several classes that counts as one: below it, float32 has no logarithm to divide."""
NEAREST = 2.0**-24
"""How near 0 or 1 the output of a single unit counts; the float32 below 1 is 1 minus this."""


@keras.saving.register_keras_serializable("deepcli")
class OrderedLevels(keras.layers.Layer):
    """Probabilities of ordered levels from one number: the proportional odds model.

    The number is compared with `levels - 1` learned thresholds that cannot change their order. The probability of the
    first k levels together is the sigmoid of threshold k minus the number.

    Source: McCullagh (1980), "Regression models for ordinal data".

    Args:
        levels: Number of levels, at least 2.

    Shapes:
        (batch, 1) to (batch, levels), float32; rows add up to 1.
    """

    def __init__(self, levels: int, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.levels = levels

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        shares = np.arange(1, self.levels) / self.levels
        thresholds = np.log(shares / (1 - shares)).astype(np.float32)  # equal probabilities for the number 0
        gaps = np.log(np.expm1(np.maximum(np.diff(thresholds), 1e-3)))
        self.first = self.add_weight(
            shape=(1,), initializer=keras.initializers.Constant(float(thresholds[0])), name="first"
        )
        self.gaps = self.add_weight(shape=(self.levels - 2,), initializer="zeros", name="gaps")
        self.gaps.assign(gaps.astype(np.float32))

    def call(self, x: Any) -> Any:
        thresholds = ops.concatenate([self.first, self.first + ops.cumsum(ops.softplus(self.gaps))])
        below = ops.sigmoid(thresholds[None, :] - ops.cast(x, "float32"))
        ends = ops.concatenate([ops.zeros_like(below[:, :1]), below, ops.ones_like(below[:, :1])], axis=1)
        return ends[:, 1:] - ends[:, :-1]

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (input_shape[0], self.levels)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "levels": self.levels}


@keras.saving.register_keras_serializable("deepcli")
class LabelThresholds(keras.layers.Layer):
    """Passes the probabilities of labels on, and keeps the threshold from which each label counts as given.

    The thresholds are weights that no step of training changes; they are chosen on the validation split.

    Shapes:
        (batch, labels) to (batch, labels).
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.thresholds = self.add_weight(
            shape=(input_shape[-1],),
            initializer=keras.initializers.Constant(0.5),
            trainable=False,
            dtype="float32",
            name="thresholds",
        )

    def call(self, x: Any) -> Any:
        return x

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape


@keras.saving.register_keras_serializable("deepcli")
class Temperature(keras.layers.Layer):
    """Calibrates probabilities: divides their logits by a number that was fitted on the validation split.

    The most likely class stays the same. Computed from probabilities, as p to the power of 1 / temperature, scaled so that the
    sum is 1.

    Source: Guo et al. (2017), "On calibration of modern neural networks".

    Args:
        temperature: What logits are divided by.

    Shapes:
        (batch, classes), or (batch, 1) for class 1 of two, to the same, float32.
    """

    def __init__(self, temperature: float, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.temperature = temperature

    def call(self, x: Any) -> Any:
        if x.shape[-1] > 1:
            return ops.softmax(ops.log(ops.maximum(x, LEAST)) / self.temperature, axis=-1)
        x = ops.clip(x, NEAREST, 1 - NEAREST)
        return ops.sigmoid((ops.log(x) - ops.log(1 - x)) / self.temperature)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "temperature": self.temperature}


def set_level_shares(model: keras.Model, targets: np.ndarray) -> None:
    """Let a model begin with the shares of the levels in the training split, so that it need not learn them first.

    Args:
        model: A model that ends in `OrderedLevels`.
        targets: Levels, int (examples,).
    """
    layer = next(layer for layer in model.layers if isinstance(layer, OrderedLevels))
    counts = np.bincount(targets, minlength=layer.levels) + 0.5  # a level that is not there keeps a small share
    below = np.cumsum(counts)[:-1] / counts.sum()
    thresholds = np.log(below / (1 - below))
    layer.first.assign(thresholds[:1].astype(np.float32))
    layer.gaps.assign(np.log(np.expm1(np.maximum(np.diff(thresholds), 1e-3))).astype(np.float32))


def thresholds_of(model: keras.Model) -> np.ndarray:
    """Return the threshold of each label, float (labels,)."""
    layer = _thresholds_layer(model)
    return np.asarray(ops.convert_to_numpy(layer.thresholds))


def set_thresholds(model: keras.Model, thresholds: np.ndarray) -> None:
    """Set the threshold of each label, (labels,)."""
    layer = _thresholds_layer(model)
    layer.thresholds.assign(thresholds)


def _thresholds_layer(model: keras.Model) -> LabelThresholds:
    """Find the layer, also inside a model that another one wraps."""
    return next(layer for layer in model._flatten_layers() if isinstance(layer, LabelThresholds))
