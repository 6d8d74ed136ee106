from typing import Literal

from deepcli.models import MODELS, Head, Model


@MODELS.register
class Wide(Model):
    """One wide hidden layer."""

    type: Literal["wide"] = "wide"
    units: int = 256

    def build(self, signature, head: Head):
        import keras

        inputs = keras.Input(signature.shape, dtype="uint8")
        x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
        return keras.Model(inputs, self.dense_output(keras.layers.Dense(self.units, "relu")(x), head))
