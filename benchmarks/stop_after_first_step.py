"""A plugin whose loss ends the process when the second step begins, so after the first has updated the weights."""

import os
from typing import Any, Literal

from deepcli.data import Signature
from deepcli.optim import LOSSES
from deepcli.optim.losses import Auto


@LOSSES.register
class StopAfterFirstStep(Auto):
    """The data set's default loss, for one step."""

    type: Literal["stop_after_first_step"] = "stop_after_first_step"  # type: ignore[assignment]

    def build(self, signature: Signature) -> Any:
        import keras
        import tensorflow as tf

        inner, steps = super().build(signature), []

        def count(value: Any) -> Any:
            steps.append(value)
            if len(steps) > 1:
                os._exit(0)
            return value

        class Once(keras.losses.Loss):  # type: ignore[misc]
            def call(self, y_true: Any, y_pred: Any) -> Any:
                counted = tf.numpy_function(count, [tf.reduce_sum(y_pred)], y_pred.dtype)
                with tf.control_dependencies([counted]):
                    return tf.identity(inner.call(y_true, y_pred))

        return Once(name="loss")
