"""Stochastic pooling against the formulas of Zeiler & Fergus (2013), equations 4 to 6."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from deepcli.models.activations import ACTIVATIONS
from deepcli.nn.stochastic_pooling import MaskedStochasticPooling1D, StochasticPooling2D

DRAWS = 20_000


def frequencies(draws, values):
    return np.array([(draws == value).mean() for value in values])


def expected_error(p):
    return 5 * np.sqrt(p * (1 - p) / DRAWS) + 1e-9


def test_activations_of_a_square_are_drawn_in_proportion_to_their_size():
    square = np.array([[1.0, 2.0], [0.0, 5.0]], np.float32)
    x = np.broadcast_to(square[None, :, :, None], (DRAWS, 2, 2, 1))
    draws = np.asarray(StochasticPooling2D(2, seed=3)(x, training=True)).ravel()
    p = square.ravel() / square.sum()
    assert (np.abs(frequencies(draws, square.ravel()) - p) <= expected_error(p)).all()


def test_windows_and_channels_are_drawn_apart():
    x = np.broadcast_to(np.array([1.0, 2.0], np.float32)[None, :, None, None], (1, 2, 2000, 2))
    draws = np.asarray(StochasticPooling2D(2, seed=3)(x, training=True))[0, 0]
    both = (draws[:, 0] == 2) & (draws[:, 1] == 2)
    assert abs(both.mean() - 4 / 9) < 5 * np.sqrt(20 / 81 / len(draws))


def test_inference_is_the_mean_weighted_by_probability():
    x = np.random.RandomState(0).gamma(1.0, size=(3, 5, 7, 4)).astype("float32")
    expected = np.zeros((3, 2, 3, 4))
    for row in range(2):
        for column in range(3):
            window = x[:, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2].reshape(3, 4, 4)
            p = window / window.sum(1, keepdims=True)
            expected[:, row, column] = (p * window).sum(1)
    np.testing.assert_allclose(StochasticPooling2D(2)(x), expected, rtol=1e-5)


@pytest.mark.parametrize("training", [False, True])
def test_a_window_of_zeros_gives_zero_and_negative_values_are_never_drawn(training):
    pool = StochasticPooling2D(2, seed=0)
    assert np.array_equal(pool(np.zeros((2, 4, 4, 3), np.float32), training=training), np.zeros((2, 2, 2, 3)))
    x = np.broadcast_to(np.array([[-9.0, 3.0], [-1.0, 0.0]], np.float32)[None, :, :, None], (500, 2, 2, 1))
    assert (np.asarray(pool(x, training=training)) == 3).all()


def test_gradients_go_to_the_drawn_activation_alone():
    x = tf.constant(np.random.RandomState(0).gamma(1.0, size=(3, 4, 4, 2)).astype("float32"))
    with tf.GradientTape() as tape:
        tape.watch(x)
        drawn = StochasticPooling2D(2, seed=0)(x, training=True)
    gradient = tape.gradient(drawn, x).numpy()
    assert np.array_equal(np.sort(gradient.reshape(3, 2, 2, 2, 2, 2), axis=None)[-24:], np.ones(24))
    assert gradient.sum() == 24
    np.testing.assert_allclose(np.sort((gradient * x).numpy()[gradient > 0]), np.sort(drawn.numpy().ravel()))


def test_padding_is_never_drawn_and_a_last_partial_window_counts():
    x = np.broadcast_to(np.array([1.0, 3.0, 2.0, 50.0, 50.0], np.float32)[None, :, None], (DRAWS, 5, 1))
    mask = np.arange(5)[None] < np.full((DRAWS, 1), 3)
    pool = MaskedStochasticPooling1D(2, seed=1)
    drawn, mean = np.asarray(pool(x, mask, training=True)), np.asarray(pool(x, mask))
    assert drawn.shape == mean.shape == (DRAWS, 3, 1)
    assert abs((drawn[:, 0] == 3).mean() - 0.75) < expected_error(0.75)
    assert (drawn[:, 1:, 0] == [2, 0]).all()
    np.testing.assert_allclose(mean[0, :, 0], [10 / 4, 2, 0])


def test_longer_padding_changes_no_prediction():
    x, mask = np.random.RandomState(0).gamma(1.0, size=(4, 7, 3)).astype("float32"), np.ones((4, 7), bool)
    pool = MaskedStochasticPooling1D(3)
    wide = pool(np.pad(x, [(0, 0), (0, 4), (0, 0)], constant_values=7), np.pad(mask, [(0, 0), (0, 4)]))
    assert np.array_equal(np.asarray(wide)[:, :3], pool(x, mask))


def test_half_precision_draws_with_the_same_probabilities():
    x = np.broadcast_to(np.full((1, 4, 4, 1), 1.0), (DRAWS // 4, 4, 4, 1)) * np.arange(1, 17).reshape(1, 4, 4, 1)
    draws = StochasticPooling2D(4, seed=5, dtype="mixed_bfloat16")(x, training=True)
    assert draws.dtype == "bfloat16"
    share = (np.asarray(tf.cast(draws, "float32")).ravel() == 16).mean()
    assert abs(share - 16 / 136) < 2 * expected_error(16 / 136)


def test_keras_saves_and_loads_them(tmp_path):
    x = np.random.RandomState(0).gamma(1.0, size=(2, 6, 6, 3)).astype("float32")
    model = keras.Sequential([keras.Input((6, 6, 3)), StochasticPooling2D(3)])
    model.save(tmp_path / "a.keras")
    assert np.array_equal(keras.saving.load_model(tmp_path / "a.keras")(x), model(x))


def test_what_an_activation_says_of_its_sign_is_true():
    x = np.linspace(-30, 30, 600, dtype="float32").reshape(-1, 3)
    for name in ACTIVATIONS:
        activation = ACTIVATIONS.select(name)
        if not activation.trainable:
            assert (
                np.asarray(activation.function()(keras.ops.convert_to_tensor(x))).min() < 0
            ) == activation.can_be_negative()
    assert ACTIVATIONS.select({"type": "relu", "negative_slope": 0.1}).can_be_negative()
