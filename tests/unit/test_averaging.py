"""Optimizers that average weights: against references in NumPy, and put in place of the weights for a while."""

import keras
import numpy as np
import pytest

from deepcli.nn.learning_rate import LearningRate
from deepcli.optim import OPTIMIZERS
from deepcli.training.averaging import averaged_weights, averages, begin_averages

START, GOAL = np.array([3.0, -2.0]), np.array([1.0, 1.5])


def stepped(steps, rate=0.1, **spec):
    """Go so many steps along the gradient of |w - GOAL|^2; returns the optimizer, the weights, and them at each step."""
    optimizer = OPTIMIZERS.select(spec).build(LearningRate(rate))
    weight = keras.Variable(START.astype("float32"))
    optimizer.build([weight])
    course = []
    for _ in range(steps):
        optimizer.apply([2 * (weight.value - GOAL.astype("float32"))])
        course.append(weight.numpy())
    return optimizer, weight, np.array(course)


def schedule_free(steps, rate, beta_1=0.9, beta_2=0.999, epsilon=1e-8, weight_decay=0.0, warmup=0, clip=np.inf):
    """Algorithm 1 of Defazio et al. 2024, its average over equal weights; returns x and the course of y."""
    x = y = z = START
    v, course = np.zeros(2), []
    for t in range(1, steps + 1):
        g = 2 * (y - GOAL)
        g = g * min(1, clip / np.linalg.norm(g))
        v = beta_2 * v + (1 - beta_2) * g**2
        gamma = rate * (min(1, t / warmup) if warmup else 1)
        z = z - gamma * (g / (np.sqrt(v / (1 - beta_2**t)) + epsilon) + weight_decay * y)
        x = (1 - 1 / t) * x + z / t
        y = (1 - beta_1) * z + beta_1 * x
        course.append(y)
    return x, np.array(course)


@pytest.mark.parametrize(
    ("spec", "reference"),
    [
        ({}, {}),
        ({"beta_1": 0.5, "beta_2": 0.9}, {"beta_1": 0.5, "beta_2": 0.9}),
        ({"weight_decay": 0.3}, {"weight_decay": 0.3}),
        ({"weight_decay": 0.3, "warmup_steps": 20}, {"weight_decay": 0.3, "warmup": 20}),
        ({"clipnorm": 0.5}, {"clip": 0.5}),
    ],
    ids=str,
)
def test_schedule_free_adamw_goes_and_ends_as_its_paper_has_it(spec, reference):
    """Keras 3.15 itself is at 1.17 after 200 steps to 1, where the paper is at 1.04."""
    optimizer, weight, course = stepped(100, type="schedule_free_adamw", **spec)
    x, expected = schedule_free(100, 0.1, **reference)
    np.testing.assert_allclose(course, expected, rtol=1e-3, atol=1e-3)
    assert np.abs(x - expected[-1]).max() > 3e-3
    optimizer.finalize_variable_values([weight])
    np.testing.assert_allclose(weight.numpy(), x, rtol=1e-3, atol=1e-3)


def test_schedule_free_adamw_averages_over_updates_not_over_batches():
    optimizer, weight, course = stepped(20, type="schedule_free_adamw", gradient_accumulation_steps=4)
    other, expected, plain = stepped(5, type="schedule_free_adamw")
    np.testing.assert_allclose(course[3::4], plain, rtol=1e-5)
    for one, variable in ((optimizer, weight), (other, expected)):
        one.finalize_variable_values([variable])
    np.testing.assert_allclose(weight.numpy(), expected.numpy(), rtol=1e-5)


def test_schedule_free_adamw_adds_up_repeated_rows_of_sparse_gradients():
    import tensorflow as tf

    rows = tf.IndexedSlices(tf.constant([[1.0, 2.0], [3.0, 4.0]]), tf.constant([2, 2]), tf.constant([3, 2]))
    results = []
    for gradient in (rows, tf.convert_to_tensor(rows)):
        optimizer = OPTIMIZERS.select("schedule_free_adamw").build(LearningRate(0.1))
        weight = keras.Variable(np.ones((3, 2), "float32"))
        optimizer.build([weight])
        for _ in range(3):
            optimizer.apply([gradient])
        results.append(weight.numpy())
    sparse, dense = results
    np.testing.assert_array_equal(sparse, dense)
    assert (dense[:2] == 1).all()
    assert (dense[2] < 1).all()


@pytest.mark.parametrize("momentum", [0.5, 0.9])
def test_a_moving_average_has_the_momentum_of_the_spec(momentum):
    optimizer, weight, course = stepped(8, 0.1, type="sgd", use_ema=True, ema_momentum=momentum)
    average = course[0]
    for value in course[1:]:
        average = momentum * average + (1 - momentum) * value
    optimizer.finalize_variable_values([weight])
    np.testing.assert_allclose(weight.numpy(), average, rtol=1e-6)


def test_a_moving_average_that_a_spec_asks_for_comes_before_that_of_schedule_free():
    optimizer, weight, course = stepped(5, type="schedule_free_adamw", use_ema=True, ema_momentum=0.5)
    average = course[0]
    for value in course[1:]:
        average = 0.5 * average + 0.5 * value
    optimizer.finalize_variable_values([weight])
    np.testing.assert_allclose(weight.numpy(), average, rtol=1e-6)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_only_schedule_free_adamw_averages_without_being_asked(name):
    assert averages(OPTIMIZERS.select(name).build(LearningRate(0.1))) is (name == "schedule_free_adamw")
    asked = OPTIMIZERS.select({"type": name, "use_ema": True}).build(LearningRate(0.1))
    assert averages(asked)
    assert averages(keras.optimizers.LossScaleOptimizer(asked))


class Doubled(keras.optimizers.SGD):
    """What a plugin's optimizer may be: its final values are its own affair."""

    def finalize_variable_values(self, var_list):
        for variable in var_list:
            variable.assign(2 * variable)


def model(optimizer):
    built = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    built.compile(optimizer)
    built.optimizer.build(built.trainable_variables)
    return built


def values(of):
    return [variable.numpy() for variable in of.trainable_variables]


def test_final_values_take_the_place_of_weights_for_a_while_only():
    one = model(Doubled(0.1))
    raw = values(one)
    with averaged_weights(one) as averaged:
        assert averaged
        for value, before in zip(values(one), raw, strict=True):
            np.testing.assert_array_equal(value, 2 * before)
    with pytest.raises(KeyError), averaged_weights(one):
        raise KeyError("in the middle of a validation")
    for value, before in zip(values(one), raw, strict=True):
        np.testing.assert_array_equal(value, before)
    plain = model(keras.optimizers.SGD(0.1))
    raw = values(plain)
    with averaged_weights(plain) as averaged:
        assert not averaged
        for value, before in zip(values(plain), raw, strict=True):
            np.testing.assert_array_equal(value, before)


def test_before_its_first_step_a_moving_average_is_of_the_weights_as_they_are():
    one = model(keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5))
    begin_averages(one)
    raw = values(one)
    assert np.any(raw[0])
    with averaged_weights(one):
        for value, before in zip(values(one), raw, strict=True):
            np.testing.assert_array_equal(value, before)
    one.optimizer.apply([np.ones_like(value) for value in raw])
    with averaged_weights(one):
        for value, before in zip(values(one), raw, strict=True):
            np.testing.assert_allclose(value, before - 0.1, rtol=1e-6)


def test_what_schedule_free_adamw_cannot_average_is_refused():
    with pytest.raises(ValueError, match="greater than 0"):
        OPTIMIZERS.select({"type": "schedule_free_adamw", "beta_1": 0})
    with pytest.raises(ValueError, match="would overwrite the average"):
        OPTIMIZERS.select({"type": "schedule_free_adamw", "use_ema": True, "ema_overwrite_frequency": 5})


def test_fields_of_a_moving_average_that_is_not_kept_are_noticed():
    wanted = OPTIMIZERS.select({"type": "adam", "ema_momentum": 0.5, "ema_overwrite_frequency": 5})
    assert list(wanted.notices()) == [
        "ema_momentum: has no effect without use_ema",
        "ema_overwrite_frequency: has no effect without use_ema",
    ]
    assert not list(OPTIMIZERS.select({"type": "adam", "ema_momentum": 0.5, "use_ema": True}).notices())
    assert not list(OPTIMIZERS.select("schedule_free_adamw").notices())
    both = OPTIMIZERS.select({"type": "schedule_free_adamw", "use_ema": True})
    assert "the moving average is evaluated instead" in "".join(both.notices())
