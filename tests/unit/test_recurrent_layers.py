"""The fast loops of LSTM and GRU are Keras's layers: outputs, states and gradients, with and without dropout."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from deepcli.nn import recurrent

UNITS, FEATURES = 12, 9
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "dropout": {"dropout": 0.3},
    "recurrent dropout": {"dropout": 0.3, "recurrent_dropout": 0.2},
    "backwards": {"recurrent_dropout": 0.2, "go_backwards": True},
    "no bias": {"use_bias": False},
}
SHAPES = [(1, 1), (33, 20)]


@pytest.fixture(params=["LSTM", "GRU"])
def kind(request):
    return request.param


def run(layer, shape, training):
    """Return outputs, states, and gradients by inputs, first states and weights."""
    rng = np.random.RandomState(0)
    x = tf.constant(rng.standard_normal((*shape, FEATURES)), tf.float32)
    states = [tf.constant(rng.standard_normal((shape[0], UNITS)), tf.float32) for _ in layer.state_size]
    layer.build(x.shape)
    with tf.GradientTape() as tape:
        tape.watch([x, *states])
        outputs, *last = layer(x, initial_state=states, training=training)
        loss = tf.reduce_sum(tf.sin(3 * outputs)) + sum(tf.reduce_sum(state**2) for state in last)
    return [outputs, *last, *tape.gradient(loss, [x, *states, *(w.value for w in layer.trainable_variables)])]


def both(kind, **arguments):
    """Make Keras's layer and ours, with the same weights and random state."""
    layers = []
    for module in (keras.layers, recurrent):
        keras.utils.set_random_seed(1)
        made = getattr(module, kind)(
            UNITS, return_sequences=True, return_state=True, bias_initializer="normal", seed=3, **arguments
        )
        layers.append(made)
    return layers


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("variant", VARIANTS)
def test_they_compute_what_keras_computes(kind, variant, shape, training):
    theirs, ours = (run(layer, shape, training) for layer in both(kind, **VARIANTS[variant]))
    for expected, found in zip(theirs, ours, strict=True):
        # Float32 sums in another order: within a few millionths of the largest value.
        np.testing.assert_allclose(found, expected, rtol=0, atol=3e-6 * max(1, np.abs(expected).max()))


def test_they_do_so_inside_a_graph_whose_sizes_are_unknown(kind):
    theirs, ours = both(kind, dropout=0.3)
    layer = tf.function(lambda x: ours(x)[0], input_signature=[tf.TensorSpec((None, None, FEATURES))])
    for shape in SHAPES:
        x = np.random.RandomState(0).standard_normal((*shape, FEATURES)).astype("float32")
        theirs.build(x.shape)
        ours.set_weights(theirs.get_weights()) if ours.built else ours.build(x.shape)
        ours.set_weights(theirs.get_weights())
        np.testing.assert_allclose(layer(x), theirs(x)[0], rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize(
    ("arguments", "mask"),
    [({"activation": "relu"}, None), ({"unroll": True}, None), ({"dtype": "mixed_bfloat16"}, None), ({}, True)],
    ids=["relu", "unroll", "bfloat16", "mask"],
)
def test_what_they_do_not_know_is_left_to_keras(kind, arguments, mask, monkeypatch):
    monkeypatch.setattr(f"deepcli.nn.{kind.lower()}_loop.{kind.lower()}", None)
    x = np.random.RandomState(0).standard_normal((3, 4, FEATURES)).astype("float32")
    given = {} if mask is None else {"mask": np.array([[True] * 4, [True] * 2 + [False] * 2, [True] * 4])}
    theirs, ours = both(kind, **arguments)
    np.testing.assert_array_equal(ours(x, **given)[0], theirs(x, **given)[0])


def test_a_gpu_is_left_to_cudnn(kind, monkeypatch):
    monkeypatch.setattr(f"deepcli.nn.{kind.lower()}_loop.{kind.lower()}", None)
    monkeypatch.setattr(recurrent, "tensorflow_on_cpu", lambda: False)
    theirs, ours = both(kind)
    x = np.zeros((3, 4, FEATURES), "float32")
    np.testing.assert_array_equal(ours(x)[0], theirs(x)[0])
    assert ours.use_cudnn == "auto"
