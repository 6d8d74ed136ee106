"""DropConnect against the formulas of Wan et al. (2013): r = a((M * W) v) in training, W whole at inference."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from deepcli.experiment.schema import Experiment
from deepcli.nn.dropconnect import (
    DropConnectConv1D,
    DropConnectConv2D,
    DropConnectDense,
    DropConnectOneHotConv1D,
    convolution,
    dense,
    one_hot_convolution,
)
from deepcli.nn.one_hot import OneHotConv1D
from deepcli.training.build import build_model, compile_model
from deepcli.training.state import state_variables

RATE, WORDS = 0.3, 7
LAYERS = {
    "dense": (lambda **more: DropConnectDense(40, rate=RATE, seed=1, **more), (6, 50)),
    "conv1d": (lambda **more: DropConnectConv1D(8, 3, rate=RATE, seed=1, **more), (2, 9, 20)),
    "conv2d": (lambda **more: DropConnectConv2D(8, 3, rate=RATE, seed=1, **more), (2, 5, 5, 9)),
    "one_hot": (lambda **more: DropConnectOneHotConv1D(40, 3, WORDS, rate=RATE, seed=1, **more), (2, 50)),
}


@pytest.fixture(params=LAYERS)
def make(request):
    """Make the layer with its weights, and inputs for it."""

    def make(**more):
        keras.utils.set_random_seed(0)
        build, shape = LAYERS[request.param]
        layer, random = build(bias_initializer="ones", **more), np.random.RandomState(0)
        words = isinstance(layer, DropConnectOneHotConv1D)
        x = random.randint(0, WORDS, shape).astype("int32") if words else random.normal(size=shape).astype("float32")
        layer.build(x.shape)
        return layer, x

    return make


def thinned_kernel(layer):
    layer._thinning = True
    try:
        return np.asarray(layer.kernel)
    finally:
        layer._thinning = False


def test_the_share_of_dropped_weights_is_the_rate_and_the_rest_is_scaled(make):
    layer, _ = make()
    whole = layer.kernel.numpy()
    kernels = np.stack([thinned_kernel(layer) for _ in range(50)])
    assert abs((kernels == 0).mean() - RATE) < 5 * np.sqrt(RATE * (1 - RATE) / kernels.size)
    kept = kernels != 0
    np.testing.assert_allclose(kernels[kept], np.broadcast_to(whole / (1 - RATE), kernels.shape)[kept], rtol=1e-6)


def test_the_mean_over_masks_is_inference(make):
    layer, x = make()
    outputs = np.stack([layer(x, training=True) for _ in range(600)])
    error = outputs.std(0) / np.sqrt(len(outputs))
    assert (np.abs(outputs.mean(0) - np.asarray(layer(x))) < 5.5 * error + 1e-5).all()
    assert not np.array_equal(outputs[0], outputs[1])


def test_gradients_reach_kept_weights_only(make):
    layer, x = make()
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(x, training=True) ** 2)
    gradient = tape.gradient(loss, layer.trainable_variables[0].value).numpy()
    assert abs((gradient == 0).mean() - RATE) < 0.1
    generator = layer.seed_generator.state
    generator.assign(np.asarray(generator) - [0, 1])  # the mask of that call again
    assert ((gradient == 0) == (thinned_kernel(layer) == 0)).all()


def test_inference_uses_the_whole_kernel(make):
    layer, x = make()
    plain_class: Any = type(layer).__mro__[2]
    config = {key: value for key, value in layer.get_config().items() if key not in ("rate", "seed")}
    plain = plain_class.from_config(config)
    plain.build(x.shape)
    plain.set_weights(layer.get_weights())
    assert np.array_equal(layer(x), plain(x))
    assert np.array_equal(layer(x, training=False), layer(x))


def test_a_rate_of_zero_is_the_plain_layer(make):
    layer, x = make()
    layer.rate = 0.0
    assert np.array_equal(layer(x, training=True), layer(x))
    assert type(dense(4, 0.0)) is keras.layers.Dense
    assert type(convolution(2, 4, 3, 0.0)) is keras.layers.Conv2D
    assert type(one_hot_convolution(4, 3, 7, 0.0)) is OneHotConv1D


def test_keras_saves_and_loads_it_with_its_rate(make, tmp_path):
    layer, x = make()
    model = keras.Sequential([keras.Input(x.shape[1:], dtype=x.dtype.name), layer])
    model.save(tmp_path / "a.keras")
    again = keras.saving.load_model(tmp_path / "a.keras")
    assert again.layers[0].rate == RATE
    assert np.array_equal(model(x), again(x))


def test_it_computes_in_half_precision(make):
    layer, x = make(dtype="mixed_bfloat16")
    assert layer(x, training=True).dtype == "bfloat16"


@pytest.mark.parametrize(
    ("model", "dropping"),
    [
        ({"type": "mlp", "hidden_units": [4, 4]}, {"dense_1", "dense_2"}),
        ({"type": "cnn", "filters": [4, 4], "hidden_units": [4]}, {"conv_1", "conv_2", "dense_1"}),
        ({"type": "transformer", "num_layers": 1, "hidden_dim": 8}, {"block_1_wide", "block_1_narrow"}),
    ],
)
@pytest.mark.parametrize("data", ["digits", "imdb"])
def test_a_family_drops_from_the_layers_that_its_field_names_and_its_masks_are_in_the_state(data, model, dropping):
    spec = {"data": data, "model": {**model, "regularization": {"dropconnect": 0.5}}}
    experiment = Experiment.model_validate(spec)
    built = build_model(experiment, "float32")
    compile_model(built, experiment, 2, jit=False, steps_per_execution=1)
    layers = {
        layer.name
        for layer in built.layers
        if isinstance(layer, DropConnectDense | DropConnectConv1D | DropConnectConv2D)
    }
    assert layers == dropping
    assert sum(name.startswith("random/") for name in state_variables(built)) == len(dropping)
