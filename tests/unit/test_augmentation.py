"""Augmentation: in training only, drawn from state that a checkpoint holds, and never of what must stay."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from deepcli.data.arrays.splits import Split, Tokens
from deepcli.errors import UsageError
from deepcli.experiment.schema import Experiment
from deepcli.models import MODELS
from deepcli.nn.augmentation import Augmenting, RandomErasing, RandomMove, WordDropout
from deepcli.training.build import build_model, compile_model
from deepcli.training.device import Choice, Device, choose_jit
from deepcli.training.order import Order
from deepcli.training.state import state_variables
from deepcli.training.tensorflow_backend import TensorFlowBackend

IMAGES = {"type": "digits", "augmentation": {"rotation": 0.1, "translation": 0.1, "erasing": 0.5}}
TOKENS = {"type": "imdb", "maxlen": 12, "num_words": 30, "augmentation": {"word_dropout": 0.4}}
KINDS = pytest.mark.parametrize("data", [IMAGES, TOKENS], ids=["images", "tokens"])


def experiment(data, **model):
    return Experiment.model_validate({"data": data, "model": {"type": "cnn", "filters": [4], **model}})


def inputs(data, count=16):
    rng = np.random.RandomState(0)
    if data["type"] == "digits":
        return rng.randint(0, 256, (count, 8, 8, 1)).astype(np.uint8)
    return rng.randint(1, 30, (count, 12)).astype(np.int32)


def compiled(spec, precision="float32"):
    model = build_model(spec, precision)
    compile_model(model, spec, 2, jit=False, steps_per_execution=1)
    return model


@KINDS
@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_it_is_off_outside_training_and_on_in_it(data, precision):
    with_it = build_model(experiment(data), precision)
    without = build_model(experiment({**data, "augmentation": None}), precision)
    without.set_weights(with_it.get_weights())
    x = inputs(data)
    assert np.array_equal(with_it(x), without(x))
    assert np.array_equal(with_it.predict(x, verbose=0), without.predict(x, verbose=0))
    assert not np.allclose(with_it(x, training=True), without(x, training=True), atol=1e-3)
    assert np.array_equal(without(x, training=True), without(x))


def two_steps(data):
    model, x = compiled(experiment(data)), inputs(data)
    if data["type"] == "imdb":
        x = Tokens(x.ravel(), np.arange(len(x) + 1) * 12)
    split = Split(x, (np.arange(len(x)) % 2).astype(np.int32), np.arange(len(x)))
    backend = TensorFlowBackend(tf.distribute.get_strategy())
    steps = backend.batches(split, Order(len(split), 8, 0, getattr(x, "lengths", None)), None).epoch(0, 0, 2)
    backend.take_steps(model, steps)
    backend.take_steps(model, steps)
    return model


@KINDS
def test_the_same_seed_trains_to_the_same_bits_and_the_draws_are_in_the_state(data):
    first, second = two_steps(data), two_steps(data)
    for a, b in zip(first.variables, second.variables, strict=True):
        assert np.array_equal(a.numpy(), b.numpy())
    layers = [layer for layer in first.layers if isinstance(layer, Augmenting)]
    assert layers
    state = {id(variable) for variable in state_variables(first).values()}
    for layer in layers:
        assert id(layer.seed_generator.state) in state
        assert not np.array_equal(layer.seed_generator.state.numpy()[1:], [0])


def test_words_are_dropped_at_their_rate_and_nothing_else_is():
    x = np.random.RandomState(0).randint(0, 30, (400, 60)).astype(np.int32)
    y = np.asarray(WordDropout(0.2, seed=1)(x, training=True))
    assert y.dtype == np.int32
    assert np.array_equal(x[x < 4], y[x < 4])
    changed = (x != y)[x >= 4]
    assert (y[x != y] == 2).all()
    assert abs(changed.mean() - 0.2) < 5 * np.sqrt(0.16 / changed.size)


def test_no_word_drop_changes_the_prediction_through_lengths():
    x = np.array([[1, 9, 9, 0, 0]], np.int32)
    assert (np.asarray(WordDropout(0.99, seed=1)(x, training=True)) == [[1, 2, 2, 0, 0]]).all()


def moved(x, **ranges):
    return np.asarray(RandomMove(seed=2, **ranges)(x, training=True))


def test_flips_mirror_half_of_the_images_exactly():
    x = np.random.RandomState(0).rand(400, 6, 5, 3).astype("float32")
    y = moved(x, flip="horizontal")
    mirrored = np.isclose(y, x[:, :, ::-1], atol=1e-6).all((1, 2, 3))
    assert (mirrored | np.isclose(y, x, atol=1e-6).all((1, 2, 3))).all()
    assert abs(mirrored.mean() - 0.5) < 0.13
    y = moved(x, flip="horizontal_and_vertical")
    ways = [x, x[:, ::-1], x[:, :, ::-1], x[:, ::-1, ::-1]]
    shares = [np.isclose(y, way, atol=1e-6).all((1, 2, 3)).mean() for way in ways]
    assert abs(sum(shares) - 1) < 1e-9
    assert min(shares) > 0.13


def centre_of_mass(images):
    rows, columns = np.mgrid[: images.shape[1], : images.shape[2]]
    total = images.sum((1, 2))
    return np.stack([(images * rows).sum((1, 2)) / total, (images * columns).sum((1, 2)) / total], axis=1)


def test_shifts_are_uniform_within_their_share_of_the_image():
    x = np.zeros((500, 41, 21, 1), "float32")
    x[:, 20, 10] = 1
    shift = centre_of_mass(moved(x, translation=0.2)[..., 0]) - [20, 10]
    assert (np.abs(shift).max(0) < [8.2, 4.2]).all()
    assert (np.abs(shift).max(0) > [7.5, 3.8]).all()
    assert (np.abs(shift.mean(0)) < [1.0, 0.5]).all()


def test_turns_and_zooms_keep_the_centre_and_stay_in_range():
    x = np.zeros((300, 41, 41, 1), "float32")
    x[:, 20, 32:35] = 1  # a mark twelve to fourteen pixels to the right of the centre
    for ranges, angle, radius in (({"rotation": 0.1}, (30, 37), (12.5, 13.5)), ({"zoom": 0.3}, (0, 1), (9.5, 18.6))):
        place = centre_of_mass(moved(x, **ranges)[..., 0]) - 20
        largest = np.abs(np.degrees(np.arctan2(place[:, 0], place[:, 1]))).max()
        assert angle[0] <= largest <= angle[1]
        distance = np.hypot(*place.T)
        assert radius[0] < distance.min() < distance.max() < radius[1]
    assert distance.max() - distance.min() > 5


def test_what_comes_in_from_outside_is_black():
    y = moved(np.ones((50, 8, 8, 1), "float32"), translation=0.5)
    assert y.min() == 0
    assert y.max() == 1


def test_erasing_blackens_one_rectangle_in_its_share_of_the_images():
    x = np.ones((2000, 20, 10, 2), "float32")
    y = np.asarray(RandomErasing(0.3, seed=1)(x, training=True))
    black = (y == 0).all(-1)
    assert np.array_equal(black, (y == 0).any(-1))
    erased = black.any((1, 2))
    assert abs(erased.mean() - 0.3) < 5 * np.sqrt(0.21 / len(x))
    boxes = black[erased]
    assert np.array_equal(boxes, boxes.any(2)[:, :, None] & boxes.any(1)[:, None, :])
    assert 0.01 < boxes.mean((1, 2)).min() < boxes.mean((1, 2)).max() < 0.4
    assert (boxes.sum(0) > 0).all()


def test_keras_saves_and_loads_them_with_their_settings(tmp_path):
    spec = experiment({"type": "digits", "augmentation": {"zoom": 0.2, "erasing": 0.3, "flip": "vertical"}})
    build_model(spec, "float32").save(tmp_path / "a.keras")
    again = keras.saving.load_model(tmp_path / "a.keras")
    assert (again.get_layer("random_move").zoom, again.get_layer("random_move").flip) == (0.2, "vertical")
    assert again.get_layer("random_erasing").rate == 0.3


def test_a_section_that_asks_for_nothing_adds_no_layer():
    for data in ({**IMAGES, "augmentation": {}}, {**TOKENS, "augmentation": {"word_dropout": 0.0}}):
        assert not any(isinstance(layer, Augmenting) for layer in build_model(experiment(data), "float32").layers)


def test_xla_is_left_off_where_it_cannot_compile_the_augmentation():
    gpu = Device(Choice("gpu", ""), tf.distribute.get_strategy(), (9, 0), 1)

    def jit(augmentation):
        spec = experiment({"type": "digits", "augmentation": augmentation})
        return choose_jit(spec.training, spec.model, spec.signature, gpu, "float32").value

    assert jit(None)
    assert jit({"erasing": 0.5})
    assert not jit({"rotation": 0.1})


def test_a_plugin_model_that_leaves_it_out_is_refused(monkeypatch):
    spec = experiment(IMAGES)
    plain = build_model(experiment({"type": "digits"}), "float32")
    monkeypatch.setattr(MODELS["cnn"], "build", lambda *_: plain)
    with pytest.raises(UsageError, match="leaves out RandomErasing, RandomMove"):
        build_model(spec, "float32")
