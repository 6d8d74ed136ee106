"""Where a model will compute: some layers know a faster way on one backend and device."""

from __future__ import annotations


def tensorflow_on_cpu() -> bool:
    """Tell whether TensorFlow is Keras's backend and sees no GPU, which has fast layers of its own."""
    import keras

    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return not tf.config.get_visible_devices("GPU")
