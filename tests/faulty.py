"""A plugin full of faults, one for each line of `deepcli sanity`: `model.fault`, `data.fault`, and losses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from deepcli.data import DATASETS
from deepcli.data.arrays import Provenance, Raw
from deepcli.data.digits import Digits
from deepcli.models import MODELS, Head, Model
from deepcli.optim import LOSSES, Loss

register = keras.saving.register_keras_serializable("faulty")


@register
class Unused(keras.layers.Dense):
    """A dense layer whose kernel has no part in its output."""

    def call(self, x: Any, training: bool | None = None) -> Any:
        return x[:, : self.units] + self.bias


@register
class Detached(keras.layers.Dense):
    """A dense layer that lets no gradient through."""

    def call(self, x: Any, training: bool | None = None) -> Any:
        return ops.stop_gradient(super().call(x))


@register
class AlwaysTraining(keras.layers.BatchNormalization):
    """Batch normalization with the statistics of the batch at inference, too."""

    def call(self, x: Any, training: bool | None = None, mask: Any = None) -> Any:
        return super().call(x, training=True)


@register
class AlwaysRandom(keras.layers.Dropout):
    """Dropout at inference, too."""

    def call(self, x: Any, training: bool | None = None) -> Any:
        return super().call(x, training=True)


@register
class Forgetful(keras.layers.Layer):
    """Subtracts a mean that it keeps in an attribute instead of a weight."""

    mean = 0.0

    def call(self, x: Any) -> Any:
        return 3 * (x - self.mean)


@register
class NotANumber(keras.layers.Layer):
    """Takes the logarithm of what may be 0 or below."""

    def call(self, x: Any) -> Any:
        return ops.log(x - 0.5)


def deep() -> keras.Sequential:
    """Build layers that shrink their inputs to nothing, unless batch normalization has the statistics of the batch."""
    layers = []
    for _ in range(16):
        layers += [keras.layers.Dense(32, kernel_initializer=keras.initializers.RandomNormal(stddev=0.03))]
        layers += [keras.layers.BatchNormalization(), keras.layers.ReLU()]
    return keras.Sequential(layers)


FAULTS = {
    "none_but_deep": deep,
    "frozen": lambda: keras.layers.Dense(32, "relu", trainable=False),
    "too_large": lambda: keras.layers.Rescaling(65535.0),
    "twice_scaled": lambda: keras.layers.Rescaling(1 / 255),
    "constant": lambda: keras.layers.Rescaling(0.0, 0.5),
    "unused": lambda: Unused(32),
    "detached": lambda: Detached(32),
    "always_training": lambda: AlwaysTraining(),
    "always_random": lambda: AlwaysRandom(0.5),
    "forgetful": lambda: Forgetful(name="forgetful"),
    "not_a_number": lambda: NotANumber(),
    "dead": lambda: keras.layers.Dense(32, "relu", bias_initializer=keras.initializers.Constant(-50.0)),
    "dead_in_a_layer_of_its_own": lambda: keras.layers.ReLU(threshold=1e9),
}


@MODELS.register
class FaultyModel(Model):
    """A hidden layer after a fault."""

    type: Literal["faulty"] = "faulty"
    fault: str = "none"

    def build(self, signature: Any, head: Head) -> keras.Model:
        inputs = keras.Input(signature.shape, dtype="uint8")
        x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
        if self.fault in FAULTS:
            x = FAULTS[self.fault]()(x)
        x = keras.layers.Dense(32, "relu", name="hidden")(x)
        if self.fault == "no_softmax":
            return keras.Model(inputs, keras.layers.Dense(head.units, name="output")(x))
        return keras.Model(inputs, self.dense_output(x, head))

    def adapt(self, model: keras.Model, train: Any) -> None:
        if self.fault == "forgetful":
            model.get_layer("forgetful").mean = float(np.mean(train.x)) / 255


@DATASETS.register
class FaultyDigits(Digits):
    """The digits, with validation labels that are shifted by one, or with each example in all splits."""

    type: Literal["faulty_digits"] = "faulty_digits"  # type: ignore[assignment]
    fault: Literal["shifted", "repeated"] = "shifted"

    def read(self, sources: Any) -> Raw:
        raw = super().read(sources)
        if self.fault == "shifted":
            return raw
        places = np.arange(len(raw.train[1])) % 100
        return Raw((raw.train[0][places], raw.train[1][places]), raw.test, Provenance("a plugin", False, "0"))

    def load(self, sources: Any) -> Any:
        splits = super().load(sources)
        if self.fault != "shifted" or splits.validation is None:
            return splits
        return replace(splits, validation=replace(splits.validation, y=(splits.validation.y + 1) % 10))


@register
class Negative(keras.losses.Loss):
    """Cross-entropy with the wrong sign."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return -keras.losses.sparse_categorical_crossentropy(y_true, y_pred)


@LOSSES.register
class WrongSign(Loss):
    """Cross-entropy with the wrong sign."""

    type: Literal["wrong_sign"] = "wrong_sign"

    def build(self, signature: Any) -> keras.losses.Loss:
        return Negative()


@LOSSES.register
class OfLogits(Loss):
    """Cross-entropy of logits, although the output layer has a softmax."""

    type: Literal["of_logits"] = "of_logits"

    def build(self, signature: Any) -> keras.losses.Loss:
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
