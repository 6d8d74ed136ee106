"""Batch normalization by one fused operation is Keras's: outputs, gradients and running averages."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from deepcli.nn import batch_normalization
from deepcli.nn.batch_normalization import BatchNormalization

TOLERANCE = {"float32": 3e-6, "mixed_bfloat16": 2e-2}


def run(cls, x, training, **arguments):
    keras.utils.set_random_seed(0)
    layer = cls(momentum=0.9, gamma_initializer="uniform", beta_initializer="normal", **arguments)
    layer.build(x.shape)
    layer.moving_mean.assign(np.linspace(-1, 1, layer.moving_mean.shape[0]))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=training)
        loss = tf.reduce_mean(tf.sin(3 * tf.cast(y, tf.float32)))
    gradients = tape.gradient(loss, [x, *(weight.value for weight in layer.trainable_variables)])
    return [y, *gradients, *(weight.value for weight in layer.non_trainable_variables)]


def same(x, training, dtype, **arguments):
    theirs = run(keras.layers.BatchNormalization, x, training, dtype=dtype, **arguments)
    ours = run(BatchNormalization, x, training, dtype=dtype, **arguments)
    for expected, found in zip(theirs, ours, strict=True):
        assert expected.dtype == found.dtype
        expected, found = (np.asarray(tf.cast(value, tf.float32)) for value in (expected, found))
        scale = max(np.abs(expected).max(), 0.05)
        np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE[dtype] * scale)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("batch", [1, 7])
def test_it_computes_what_keras_computes(batch, dtype, training):
    values = 2 * np.random.RandomState(0).standard_normal((batch, 5, 4, 6)) + 1
    same(tf.constant(values, "bfloat16" if dtype != "float32" else dtype), training, dtype)


def test_one_value_a_channel_is_no_division_by_zero():
    same(tf.constant(np.random.RandomState(0).standard_normal((1, 1, 1, 6)), tf.float32), True, "float32")


def test_frozen_weights_use_the_running_averages():
    x = tf.constant(np.random.RandomState(0).standard_normal((7, 5, 4, 6)), tf.float32)
    same(x, True, "float32", trainable=False)


@pytest.mark.parametrize(
    ("shape", "arguments"),
    [((7, 6), {}), ((7, 5, 6), {}), ((7, 5, 4, 6), {"axis": 1}), ((7, 5, 4, 6), {"scale": False})],
    ids=["vectors", "sequences", "other axis", "no scale"],
)
def test_the_rest_is_left_to_keras(shape, arguments, monkeypatch):
    monkeypatch.setattr(batch_normalization, "tensorflow_on_cpu", None)
    if len(shape) == 4:
        monkeypatch.setattr(batch_normalization, "tensorflow_on_cpu", lambda: False)
    same(tf.constant(np.random.RandomState(0).standard_normal(shape), tf.float32), True, "float32", **arguments)
