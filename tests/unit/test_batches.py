"""What training steps are given, and that predicting is not training."""

import numpy as np
import pytest
import tensorflow as tf

from deepcli.data.arrays.splits import Split, Tokens
from deepcli.experiment.schema import Experiment
from deepcli.export.portable import Portable
from deepcli.training.build import build_model
from deepcli.training.context import class_weights
from deepcli.training.order import Order
from deepcli.training.tensorflow_backend import TensorFlowBackend


def experiment(**sections):
    return Experiment.model_validate({"data": {"type": "digits"}, "model": {"type": "mlp"}, **sections})


@pytest.fixture
def backend():
    return TensorFlowBackend(tf.distribute.get_strategy())


def test_each_class_has_the_weight_that_the_spec_gives_it():
    whole = experiment(training={"class_weight": {0: 9.0, 3: 2.5, 9: 0.5}})
    assert class_weights(whole, np.zeros(1, np.int32)).tolist() == [9.0, 1, 1, 2.5, 1, 1, 1, 1, 1, 0.5]
    assert class_weights(experiment(), np.zeros(1, np.int32)) is None


def test_balanced_weights_give_every_class_an_equal_say():
    labels = np.repeat(np.arange(10), np.arange(1, 11)).astype(np.int32)
    weights = class_weights(experiment(training={"class_weight": "balanced"}), labels)
    assert np.bincount(labels, weights[labels]) == pytest.approx(np.full(10, 5.5))


@pytest.mark.parametrize("kind", ["image", "tokens"])
def test_every_example_comes_with_the_weight_of_its_own_class(backend, kind):
    y = np.arange(23, dtype=np.int32) % 4
    images = np.broadcast_to(np.arange(23, dtype=np.uint8)[:, None, None, None], (23, 2, 2, 1)).copy()
    x = images if kind == "image" else Tokens(np.arange(1, 24, dtype=np.int32), np.arange(24))
    table = np.array([0.5, 2.0, 3.0, 7.0], np.float32)
    batches = backend.batches(Split(x, y, np.arange(23)), Order(23, 5, seed=1), table)
    seen = []
    for inputs, labels, weights in batches.epoch(0, 0, 5):
        assert weights.numpy().tolist() == table[labels.numpy()].tolist()
        seen += labels.numpy().tolist()
        number = inputs.numpy()[:, 0, 0, 0] if kind == "image" else inputs.numpy()[:, 0] - 1
        assert labels.numpy().tolist() == y[number].tolist()
    assert sorted(seen) == sorted(y.tolist())


def test_a_step_s_loss_is_weighted_by_class(backend):
    """Keras divides by the number of examples, not by the sum of their weights."""
    whole = experiment(training={"class_weight": {0: 1.0, 1: 5.0}}, optimizer={"type": "sgd", "learning_rate": 1e-9})
    x = np.random.RandomState(0).randint(0, 256, (8, 8, 8, 1)).astype(np.uint8)
    y = np.array([0, 0, 0, 1, 1, 2, 3, 1], np.int32)
    model = build_model(whole, "float32")
    each = -np.log(np.asarray(model(x))[np.arange(8), y])
    model.compile(whole.optimizer.build(1e-9), whole.loss.build(whole.signature))
    batches = backend.batches(Split(x, y, np.arange(8)), Order(8, 8, seed=0), class_weights(whole, y))
    logs = backend.take_steps(model, batches.epoch(0, 0, 1))
    assert float(logs["loss"]) == pytest.approx((np.where(y == 1, 5.0, 1.0) * each).mean(), rel=1e-4)


NOISY = {
    "mlp": {"type": "mlp", "regularization": {"dropout": 0.9, "gaussian_noise": 1.0, "normalization": "batch"}},
    "cnn": {"type": "cnn", "filters": [4], "pooling": "stochastic", "regularization": {"spatial_dropout": 0.9}},
    "dropconnect": {"type": "mlp", "regularization": {"dropconnect": 0.9}},
    "gru": {"type": "gru", "units": [8], "regularization": {"dropout": 0.9, "recurrent_dropout": 0.9}},
    "augmentation": {"type": "mlp"},
}


@pytest.mark.parametrize("name", NOISY)
def test_predicting_is_not_training(backend, name):
    """Nothing is dropped, drawn, varied or counted: the weights as they are give the same outputs every time."""
    varied = {"rotation": 0.5, "erasing": 1.0, "flip": "horizontal"} if name == "augmentation" else None
    model = build_model(experiment(model=NOISY[name], data={"type": "digits", "augmentation": varied}), "float32")
    x = np.random.RandomState(0).randint(0, 256, (7, 8, 8, 1)).astype(np.uint8)
    trained = np.asarray(model(x, training=True))
    expected = np.asarray(model(x, training=False))
    assert np.abs(trained - expected).max() > 1e-3
    before = [np.asarray(weight) for weight in model.weights]
    ways = {
        "predict": lambda: backend.predict(model, x, 3),
        "function": lambda: backend.function(model)(x),
        "portable": lambda: np.asarray(Portable(model, None).named(tf.constant(x))["outputs"]),
    }
    for way, outputs in ways.items():
        np.testing.assert_allclose(outputs(), expected, atol=1e-5, err_msg=way)
    for weight, value in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(np.asarray(weight), value)
