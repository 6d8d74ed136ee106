"""Operations of a model: counted by hand, and by TensorFlow's profiler."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from deepcli.experiment.load import load
from deepcli.nn import recurrent
from deepcli.training.build import build_model
from deepcli.training.flops import forward_pass

layers = keras.layers


def flops(shape, *stack):
    model = keras.Sequential([keras.Input(shape), *stack])
    return forward_pass(model, np.zeros((1, *shape), "float32")).flops


def test_a_dense_layer_multiplies_and_adds_once_for_each_weight():
    assert flops((64,), layers.Dense(128, "relu"), layers.Dense(10)) == 2 * (64 * 128 + 128 * 10)
    assert flops((5, 64), layers.Dense(128)) == 5 * 2 * 64 * 128


def test_a_convolution_uses_its_kernel_at_each_place_of_its_output():
    # 8 x 8 pixels give 6 x 6 windows of 3 x 3, then a stride of 2 gives 3 x 3 places.
    whole = flops(
        (8, 8, 1),
        layers.Conv2D(4, 3),
        layers.Conv2D(6, 3, strides=2, padding="same"),
        layers.Flatten(),
        layers.Dense(10),
    )
    assert whole == 2 * (36 * 9 * 4 + 9 * 9 * 4 * 6 + 9 * 6 * 10)
    assert flops((8, 8, 3), layers.DepthwiseConv2D(3, padding="same")) == 2 * 64 * 9 * 3
    assert flops((8, 8, 3), layers.SeparableConv2D(5, 3, padding="same")) == 2 * 64 * (9 * 3 + 3 * 5)
    assert flops((8, 8, 3), layers.Conv2DTranspose(5, 2, strides=2)) == 2 * 64 * 4 * 3 * 5
    assert flops((10, 3), layers.Conv1D(4, 3)) == 2 * 8 * 3 * 3 * 4


@pytest.mark.parametrize(
    ("kind", "gates"), [(layers.LSTM, 4), (recurrent.LSTM, 4), (layers.GRU, 3), (recurrent.GRU, 3)]
)
def test_a_recurrent_layer_uses_its_kernels_at_each_step_whatever_its_loop(kind, gates):
    assert flops((7, 5), kind(6)) == 2 * 7 * gates * 6 * (5 + 6)
    assert flops((7, 5), layers.Bidirectional(kind(6))) == 2 * 2 * 7 * gates * 6 * (5 + 6)


def test_attention_has_projections_scores_and_weighted_values():
    inputs = keras.Input((9, 8))
    model = keras.Model(inputs, layers.MultiHeadAttention(2, 3)(inputs, inputs))
    projections = 4 * 9 * 8 * 6
    assert forward_pass(model, np.zeros((1, 9, 8), "float32")).flops == 2 * (projections + 2 * 2 * 9 * 9 * 3)


def test_lookups_and_what_has_no_kernel_count_as_nothing():
    model = keras.Sequential([keras.Input((6,), dtype="int32"), layers.Embedding(50, 8), layers.LayerNormalization()])
    assert forward_pass(model, np.ones((1, 6), "int32")).flops == 0


@pytest.mark.parametrize("word", ["model=mlp", "model=cnn", "model={type: cnn, filters: [3, 5]}"])
def test_a_family_has_the_products_that_tensorflows_profiler_finds(spec, word):
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    model = build_model(load([spec()], [word]).experiment, "float32")
    image = tf.TensorSpec((1, 8, 8, 1), tf.uint8)
    traced = tf.function(lambda x: model(x, training=False)).get_concrete_function(image)
    profiler = tf.compat.v1.profiler
    options = profiler.ProfileOptionBuilder(profiler.ProfileOptionBuilder.float_operation()).with_empty_output().build()
    graph = convert_variables_to_constants_v2(traced).graph
    children = profiler.profile(graph, cmd="op", options=options).children
    found: dict[str, int] = {}
    while children:
        found |= {node.name: node.float_ops for node in children}
        children = [inner for node in children for inner in node.children]
    counted = forward_pass(model, np.zeros((1, 8, 8, 1), "uint8")).flops
    assert counted == found["MatMul"] + found.get("Conv2D", 0) > 0


def test_the_outputs_of_layers_are_counted_at_the_length_of_the_example():
    model = keras.Sequential([keras.Input((None,), dtype="int32"), layers.Embedding(50, 8), recurrent.LSTM(3)])
    for length in (6, 60):
        assert forward_pass(model, np.ones((1, length), "int32")).outputs == 4 * (8 * length + 3)
