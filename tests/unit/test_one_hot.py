"""Convolution over one-hot tokens against Keras's own, and what a spec may ask of it."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from pydantic import ValidationError

from deepcli.experiment.schema import Experiment
from deepcli.nn.one_hot import OneHotConv1D
from deepcli.training.build import build_model

VOCABULARY = 11


@pytest.mark.parametrize("strides", [1, 3])
@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize("more", [{}, {"activation": "relu", "bias_initializer": "ones"}, {"use_bias": False}])
def test_outputs_and_gradients_are_those_of_a_convolution_over_one_hot_tokens(size, strides, more):
    ids = np.random.RandomState(0).randint(0, VOCABULARY, (3, 9)).astype("int32")
    ours = OneHotConv1D(5, size, VOCABULARY, strides=strides, **more)
    theirs = keras.layers.Conv1D(5, size, strides=strides, **more)
    one_hot = keras.ops.one_hot(ids, VOCABULARY)
    ours.build(ids.shape)
    theirs.build(one_hot.shape)
    theirs.set_weights(ours.get_weights())
    found = []
    for layer, x in ((ours, ids), (theirs, one_hot)):
        with tf.GradientTape() as tape:
            outputs = layer(x)
            loss = tf.reduce_sum(outputs**3)
        found.append([outputs, *tape.gradient(loss, layer.trainable_variables)])
    assert ours.compute_output_shape(ids.shape) == found[0][0].shape == found[1][0].shape
    for mine, kerass in zip(*found, strict=True):
        np.testing.assert_allclose(mine, kerass, rtol=1e-5, atol=1e-6)


def test_it_starts_as_a_convolution_over_one_hot_tokens_starts():
    initializer = keras.initializers.GlorotUniform(seed=3)
    ours = OneHotConv1D(5, 3, VOCABULARY, kernel_initializer=initializer)
    theirs = keras.layers.Conv1D(5, 3, kernel_initializer=initializer)
    ours.build((None, None))
    theirs.build((None, None, VOCABULARY))
    assert np.array_equal(ours.kernel, theirs.kernel)


def test_penalties_are_on_its_kernel():
    layer = OneHotConv1D(2, 3, VOCABULARY, kernel_regularizer=keras.regularizers.L2(0.5))
    layer(np.zeros((1, 4), "int32"))
    assert float(layer.losses[0]) == pytest.approx(0.5 * float(keras.ops.sum(layer.kernel**2)), rel=1e-5)


def experiment(data, **model):
    return Experiment.model_validate({"data": data, "model": {"type": "cnn", **model}})


def test_a_model_has_no_embedding_and_later_blocks_are_as_they_were():
    model = build_model(experiment("imdb", one_hot=True, filters=[4, 8]), "float32")
    shapes = {weight.path: tuple(weight.shape) for weight in model.weights}
    assert not any("embedding" in path for path in shapes)
    assert shapes["conv_1/kernel"] == (3, 10000, 4)
    assert shapes["conv_2/kernel"] == (3, 4, 8)


def test_looking_words_up_is_not_for_bfloat16():
    assert experiment("imdb").model.bfloat16_on_cpu
    assert not experiment("imdb", one_hot=True).model.bfloat16_on_cpu


@pytest.mark.parametrize(
    ("data", "model", "why"),
    [
        ("digits", {}, "is for tokens; these data are images"),
        ("imdb", {"embedding_dim": 8}, "with `one_hot: true` there is no embedding"),
        ("imdb", {"embeddings_initializer": "zeros"}, "with `one_hot: true` there is no embedding"),
        ("imdb", {"regularization": {"gaussian_noise": 0.1}}, "applies to the embedding"),
        ("imdb", {"separable": True}, "separable convolutions filter each word separately"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_reason(data, model, why):
    with pytest.raises(ValidationError, match=why):
        experiment(data, one_hot=True, **model)
