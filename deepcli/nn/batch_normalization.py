"""Keras's batch normalization, with the same weights, as one fused operation on a CPU under TensorFlow."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from deepcli.nn.placement import tensorflow_on_cpu


@keras.saving.register_keras_serializable("deepcli")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras's batch normalization; images (batch, height, width, channels) use TensorFlow's fused operation.

    Keras itself uses a dozen operations in float32, which take three times as long.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        plain = self.scale and self.center and not self.renorm and not self.synchronized and self.axis in (-1, 3)
        if len(inputs.shape) != 4 or mask is not None or not plain or not tensorflow_on_cpu():
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        batch_statistics = bool(training and self.trainable)
        moving = {} if batch_statistics else {"mean": self.moving_mean.value, "variance": self.moving_variance.value}
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            ops.cast(inputs, self.compute_dtype),
            self.gamma.value,
            self.beta.value,
            epsilon=self.epsilon,
            is_training=batch_statistics,
            **moving,
        )
        if batch_statistics:
            count = ops.cast(ops.prod(ops.shape(inputs)[:3]), "float32")
            # TensorFlow returns the unbiased variance of the sample; Keras uses the variance of the batch itself.
            variance = variance * (ops.maximum(count - 1, 1) / count)
            for kept, new in ((self.moving_mean, mean), (self.moving_variance, variance)):
                kept.assign(kept * self.momentum + new * (1 - self.momentum))
        return outputs
