"""Gradient accumulation moves weights as larger batches do, in every optimizer, and drops no batch."""

import keras
import numpy as np
import pytest

from deepcli.nn.accumulation import accumulating, complete_group
from deepcli.nn.learning_rate import LearningRate
from deepcli.optim import OPTIMIZERS

EXTRAS = {
    "weight_decay": {"weight_decay": 0.1},
    "clipnorm": {"clipnorm": 0.5},
    "ema": {"use_ema": True, "ema_momentum": 0.9},
    "overwriting": {"use_ema": True, "ema_momentum": 0.9, "ema_overwrite_frequency": 2},
}


def moved(optimizer, gradients, *, complete=()):
    """Apply gradients one by one; the numbers in `complete` count those after which an epoch is over."""
    weight = keras.Variable([[1.0, -1.0], [0.5, 2.0]])
    optimizer.build([weight])
    for number, gradient in enumerate(gradients, 1):
        optimizer.apply([keras.ops.convert_to_tensor(gradient, "float32")])
        if number in complete:
            complete_group(optimizer)
    return weight.numpy(), optimizer


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("extra", EXTRAS)
def test_accumulated_gradients_move_weights_as_their_means_do(name, extra):
    """Groups of two, two epochs of five batches: each epoch ends with a group of one."""
    if (name, extra) == ("schedule_free_adamw", "overwriting"):
        return  # a spec may not ask for it
    batches = np.random.RandomState(0).normal(size=(10, 2, 2)).astype(np.float32)
    groups = [slice(0, 2), slice(2, 4), slice(4, 5), slice(5, 7), slice(7, 9), slice(9, 10)]

    def build(**more):
        return accumulating(OPTIMIZERS.select({"type": name, **EXTRAS[extra], **more}).build(LearningRate(0.1)))

    expected, plain = moved(build(), [batches[group].mean(0) for group in groups])
    found, optimizer = moved(build(gradient_accumulation_steps=2), batches, complete=(5, 10))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert (int(optimizer.iterations), int(plain.iterations)) == (6, 6)
    assert int(optimizer._iterations) == 10  # which the learning rate follows
    if EXTRAS[extra].get("use_ema"):
        ours, theirs = (one._model_variables_moving_average[0].numpy() for one in (optimizer, plain))
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_whole_groups_give_the_bits_of_keras_and_are_written_as_its_class(name):
    batches = np.random.RandomState(1).normal(size=(6, 2, 2)).astype(np.float32)
    spec = OPTIMIZERS.select({"type": name, "gradient_accumulation_steps": 3})
    (expected, keras_own), (found, optimizer) = (
        moved(wrap(spec.build(LearningRate(0.1))), batches, complete=(3,)) for wrap in (lambda own: own, accumulating)
    )
    assert np.array_equal(found, expected)
    complete_group(optimizer)  # no batch since the last update, so nothing to apply
    assert int(optimizer.iterations) == 2
    assert type(keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(optimizer))) is type(
        keras_own
    )


def test_the_last_group_is_applied_at_the_rate_of_its_last_step():
    """Three steps in twos, the rate falling to 0 after them: the last update is made at the rate of the third step."""
    gradients = [np.full((2, 2), value, np.float32) for value in (1.0, 1.0, 1.0)]
    falling = LearningRate(0.3, after=lambda step: 0.3 - 0.1 * step, steps=3)
    spec = OPTIMIZERS.select({"type": "sgd", "gradient_accumulation_steps": 2})
    found, optimizer = moved(accumulating(spec.build(falling)), gradients, complete=(3,))
    start = np.array([[1.0, -1.0], [0.5, 2.0]])
    np.testing.assert_allclose(found, start - 0.2 - 0.1, rtol=1e-5)  # steps 2 and 3 of 0.3, 0.2, 0.1
    assert int(optimizer._iterations) == 3
