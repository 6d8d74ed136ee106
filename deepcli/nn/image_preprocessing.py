"""What the networks of `keras.applications` expect of pixels."""

from __future__ import annotations

from typing import Any, Literal

import keras
import numpy as np
from keras import ops

MEANS = (0.485, 0.456, 0.406)
DEVIATIONS = (0.229, 0.224, 0.225)
BLUE_GREEN_RED = (103.939, 116.779, 123.68)


@keras.saving.register_keras_serializable("deepcli")
class ApplicationPixels(keras.layers.Layer):
    """Scale pixels as `keras.applications.*.preprocess_input` does, in float32.

    Args:
        mode: `tf`: to [-1, 1]; `torch`: to [0, 1], then by ImageNet's mean and deviation of each channel; `caffe`: channels
            in the order blue, green, red, less ImageNet's mean of each.

    Shapes:
        (batch, height, width, 3), red, green, blue in [0, 255], to the same shape.
    """

    def __init__(self, mode: Literal["tf", "torch", "caffe"], **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.mode = mode

    def call(self, x: Any) -> Any:
        if self.mode == "tf":
            return x / 127.5 - 1.0
        if self.mode == "caffe":
            return ops.flip(x, axis=-1) - np.array(BLUE_GREEN_RED, np.float32)
        return (x / 255.0 - np.array(MEANS, np.float32)) / np.array(DEVIATIONS, np.float32)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mode": self.mode}
