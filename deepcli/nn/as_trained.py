"""Networks that stay as they were trained, except for their weights."""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable("deepcli")
class AsTrained(keras.Model):
    """A functional model that always computes as in inference: stored statistics in batch normalization, no dropout.

    Calling a model with `training=False`, as Keras's guide to transfer learning does, is not enough: inside another
    functional model, Keras 3.15 replaces the argument by that of the outer call, and a partly frozen network would update its
    statistics.

    Args:
        args, kwargs: Inputs, outputs and name, as for `keras.Model`.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        return super().call(inputs, training=False, mask=mask)
