"""A plugin of what cannot be repeated or resumed: weights without a seed, and callbacks whose state no checkpoint holds."""

from __future__ import annotations

from typing import Any, Literal

import keras
import numpy as np

from deepcli.callbacks import CALLBACKS, Callback
from deepcli.models import MODELS, Head, Model

register = keras.saving.register_keras_serializable("unrepeatable")


@register
class Unseeded(keras.layers.Dense):
    """A dense layer whose initial weights come from a generator without a seed."""

    size = 0.1

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        self.kernel.assign_add(self.size * np.random.default_rng().normal(size=self.kernel.shape).astype(np.float32))


@MODELS.register
class UnseededModel(Model):
    """A hidden layer that begins elsewhere each time."""

    type: Literal["unseeded"] = "unseeded"
    size: float = 0.1

    def build(self, signature: Any, head: Head) -> keras.Model:
        inputs = keras.Input(signature.shape, dtype="uint8")
        x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
        hidden = Unseeded(16, "relu", name="hidden")
        hidden.size = self.size
        return keras.Model(inputs, self.dense_output(hidden(x), head))


@CALLBACKS.register
class ShrinkOnce(Callback):
    """Shrink all weights after the first epoch that it sees; it sees a resumed run's as a new one's."""

    type: Literal["shrink_once"] = "shrink_once"

    def build(self) -> keras.callbacks.Callback:
        class Shrinking(keras.callbacks.Callback):
            done = False

            def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
                if not self.done:
                    self.done = True
                    for weight in self.model.trainable_variables:
                        weight.assign(0.5 * weight)

        return Shrinking()


@CALLBACKS.register
class RefusesState(Callback):
    """A callback whose state is saved, and cannot be restored."""

    type: Literal["refuses_state"] = "refuses_state"

    def build(self) -> keras.callbacks.Callback:
        class Refusing(keras.callbacks.Callback):
            def state_dict(self) -> dict[str, Any]:
                return {"n": 1}

            def load_state_dict(self, state: Any) -> None:
                raise ValueError("of the wrong kind")

        return Refusing()
