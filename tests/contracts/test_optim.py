"""Activations, initializers, optimizers, schedules, losses and metrics: each builds, and means what Keras means."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

from deepcli.data.signature import Signature
from deepcli.models.activations import ACTIVATIONS
from deepcli.models.initializers import INITIALIZERS
from deepcli.nn.learning_rate import LearningRate
from deepcli.optim import LOSSES, METRICS, OPTIMIZERS, SCHEDULES
from deepcli.training.build import learning_rate

TWO = Signature("tokens", (5,), classes=2, examples=8, vocabulary=10)
FOUR = Signature("image", (4, 4, 1), classes=4, examples=8)
NOT_FIELDS = {
    "self",
    "name",
    "args",
    "kwargs",
    "seed",
    "input_axes",
    "output_axes",
}  # seeds come from the run, axes from the layer
X = np.linspace(-3, 3, 7).astype(np.float32)[None, :]
FUNCTIONS = [name for name in ACTIVATIONS if not ACTIVATIONS[name].trainable]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_activation_is_one_function_as_layer_and_as_function(name):
    activation = ACTIVATIONS.select(name)
    expected = np.asarray(keras.activations.get(name)(X))
    np.testing.assert_allclose(activation.function()(X), expected, rtol=1e-6)
    np.testing.assert_allclose(activation.layer()(X), expected, rtol=1e-6)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_activation_that_keeps_order_may_follow_the_maximum(name):
    """The same values and the same gradients either way, ties among what a relu cuts off included."""
    activation = ACTIVATIONS.select(name)
    grid = np.linspace(-9, 9, 2001, dtype=np.float32)[:, None]
    rises = name != "softmax" and np.all(np.diff(np.asarray(activation.function()(grid))[:, 0]) > -1e-6)
    assert activation.is_monotonic() == rises
    if not rises:
        return
    x = tf.Variable(np.random.RandomState(0).normal(size=(2, 6, 6, 3), scale=3).astype(np.float32))
    layers = [activation.layer(), keras.layers.MaxPooling2D(2)]
    results = []
    for first, second in (layers, layers[::-1]):
        with tf.GradientTape() as tape:
            y = second(first(x))
            loss = tf.reduce_sum(tf.sin(y))
        results.append((y, tape.gradient(loss, x)))
    for before, after in zip(*results, strict=True):
        np.testing.assert_allclose(before, after, rtol=1e-6, atol=1e-7)


def test_an_activation_passes_its_parameters_on():
    leaky = ACTIVATIONS.select({"type": "leaky_relu", "negative_slope": 0.5})
    np.testing.assert_allclose(leaky.layer()(X), np.where(X < 0, 0.5 * X, X), rtol=1e-6)
    gelu = ACTIVATIONS.select({"type": "gelu", "approximate": True})
    assert not np.allclose(gelu.function()(X), ACTIVATIONS.select("gelu").function()(X), atol=1e-5)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_activation_has_keras_parameters_and_defaults(name):
    ours = {field: info.default for field, info in ACTIVATIONS[name].model_fields.items() if field != "type"}
    parameters = inspect.signature(keras.activations.get(name)).parameters
    assert ours == {field: parameter.default for field, parameter in parameters.items() if field != "x"}


@pytest.mark.parametrize("name", list(SCHEDULES))
@pytest.mark.parametrize("fields", [{}, {"warmup": 0.1}, {"warmup": 7}, {"decay_steps": 30}, {"decay_steps": 0.3}])
def test_a_schedule_knows_whether_its_rates_follow_the_length_of_the_run(name, fields):
    """A longer run may go on from a shorter one only where it would have had the same rates."""
    if not fields.keys() <= SCHEDULES[name].model_fields.keys():
        return
    schedule = SCHEDULES.select({"type": name, **fields})
    short, long = (learning_rate(schedule, 0.1, steps) for steps in (100, 150))
    rates = [[float(rate(step)) for step in range(100)] for rate in (short, long)]
    assert schedule.follows_length() == (rates[0] != rates[1])


def test_prelu_trains_one_slope_a_channel_at_any_length():
    layer = ACTIVATIONS.select({"type": "prelu", "alpha_initializer": {"type": "constant", "value": 0.5}}).layer()
    images = np.random.RandomState(0).normal(size=(2, 3, 4, 5)).astype(np.float32)
    np.testing.assert_allclose(layer(images), np.where(images < 0, 0.5 * images, images), rtol=1e-6)
    assert [tuple(weight.shape) for weight in layer.trainable_weights] == [(1, 1, 5)]
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert np.array_equal(again(images), layer(images))


@pytest.mark.parametrize("name", INITIALIZERS)
def test_an_initializer_draws_anew_each_time_it_is_built(name):
    initializer = INITIALIZERS.select(name)
    first, second = (np.asarray(initializer.build()((6, 6))) for _ in range(2))
    assert first.shape == (6, 6)
    constant = name in ("zeros", "ones", "constant", "identity")
    assert np.array_equal(first, second) is constant


@pytest.mark.parametrize("name", INITIALIZERS)
def test_an_initializer_has_keras_fields(name):
    cls = INITIALIZERS[name]
    ours = set(cls.model_fields) - {"type"}
    theirs = set(inspect.signature(getattr(keras.initializers, cls.__name__).__init__).parameters) - NOT_FIELDS
    assert ours == theirs


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_has_keras_fields_and_defaults(name):
    cls = OPTIMIZERS[name]
    theirs = inspect.signature(getattr(keras.optimizers, cls.KERAS).__init__).parameters
    ours = {field: info.default for field, info in cls.model_fields.items() if field != "type"}
    assert set(ours) == set(theirs) - NOT_FIELDS
    for field, value in ours.items():
        assert value == theirs[field].default or (field == "ema_momentum" and value == 0.99), field


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("extra", [{}, {"use_ema": True}, {"gradient_accumulation_steps": 2}, {"clipnorm": 1.0}])
def test_an_optimizer_moves_weights_downhill(name, extra):
    optimizer = OPTIMIZERS.select({"type": name, **extra}).build(LearningRate(0.01))
    weight = keras.Variable([1.0, -1.0])
    optimizer.build([weight])
    for _ in range(4):
        optimizer.apply([2 * weight.value])
    assert (np.abs(weight.numpy()) < 1).all()


STEPS = [
    ([[0.9, -0.1], [0.2, 0.3]], [0.4, -0.2]),
    ([[-5.0, 100.0], [3.0, -2.0]], [-1.0, 60.0]),
    ([[0.2, -0.5], [0.1, 0.1]], [0.3, -0.5]),
]
"""Gradients of a matrix and a vector, a step a line; only those of the second are large enough to be clipped.

After a step of another size clipping shows even where the size of a gradient does not matter, or where only its sign does.
"""


def trained(optimizer, gradients, before_a_step=lambda weights: None):
    """Return what an optimizer makes of a matrix and a vector."""
    weights = [keras.Variable([[1.0, -1.0], [0.5, 2.0]]), keras.Variable([1.5, -0.5])]
    built = optimizer.build(LearningRate(0.01))
    built.build(weights)
    for step in gradients:
        before_a_step(weights)
        built.apply([tf.constant(gradient, tf.float32) for gradient in step])
    return [weight.numpy() for weight in weights]


def same(first, second):
    return all(np.allclose(a, b, rtol=1e-6, atol=0) for a, b in zip(first, second, strict=True))


def by_norm(gradients):
    return [gradient / max(1.0, np.linalg.norm(gradient)) for gradient in gradients]


def by_value(gradients):
    return [np.clip(gradient, -1.0, 1.0) for gradient in gradients]


def by_norm_of_all(gradients):
    return [gradient / max(1.0, np.linalg.norm(np.concatenate([*map(np.ravel, gradients)]))) for gradient in gradients]


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize(
    ("field", "clipped"), [("clipnorm", by_norm), ("clipvalue", by_value), ("global_clipnorm", by_norm_of_all)]
)
def test_an_optimizer_clips_gradients_as_it_is_told(name, field, clipped):
    """It makes the steps that it makes, unclipped, of gradients that were clipped by hand."""
    raw = [[np.array(gradient) for gradient in step] for step in STEPS]
    plain, clipping = OPTIMIZERS.select(name), OPTIMIZERS.select({"type": name, field: 1.0})
    expected = trained(plain, [clipped(step) for step in raw])
    assert same(trained(clipping, raw), expected)
    assert not same(trained(plain, raw), expected)


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if name != "schedule_free_adamw"])
def test_an_optimizer_decays_weights_apart_from_gradients(name):
    """Before each step a weight loses rate times decay of itself (Loshchilov & Hutter 2017).

    Decay is part of a step of schedule_free_adamw; tests/unit/test_averaging.py has its formulas.
    """
    every = ["weight_decay", *(["adam_weight_decay"] if "adam_weight_decay" in OPTIMIZERS[name].model_fields else [])]

    def decay(weights):
        for weight in weights:
            weight.assign(weight * (1 - 0.01 * 0.5))

    none, half = (OPTIMIZERS.select({"type": name, **dict.fromkeys(every, value)}) for value in (0.0, 0.5))
    expected = trained(none, STEPS, decay)
    assert same(trained(half, STEPS), expected)
    assert not same(trained(none, STEPS), expected)


def rates(schedule, peak=1.0, steps=10):
    rate = learning_rate(SCHEDULES.select(schedule), peak, steps)
    return np.array([float(rate(step)) for step in range(steps)])


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_starts_at_its_peak_and_warms_up_to_it(name):
    assert rates({"type": name, "warmup": 0})[0] == pytest.approx(1.0)
    warm = rates({"type": name, "warmup": 4})
    start = SCHEDULES[name].warmup_from
    np.testing.assert_allclose(warm[:4], start + (1 - start) * np.array([0.25, 0.5, 0.75, 1.0]), rtol=1e-6)
    np.testing.assert_allclose(rates({"type": name, "warmup": 0.4}), warm)
    assert np.isfinite(warm).all()
    assert (warm >= 0).all()


@pytest.mark.parametrize("name", SCHEDULES)
def test_rates_of_a_very_long_run_are_computed_step_by_step(name, monkeypatch):
    """A table of them would fill the memory, as in a run of a million epochs that only its time ends."""
    schedule = {"type": name, "warmup": 3}
    expected = rates(schedule, 0.5, 20)
    monkeypatch.setattr("deepcli.nn.learning_rate.MOST_TABULATED", 19)
    long = learning_rate(SCHEDULES.select(schedule), 0.5, 20)
    traced = tf.function(lambda step: long(step))
    np.testing.assert_allclose([float(traced(tf.constant(step))) for step in range(20)], expected, rtol=1e-5, atol=1e-6)
    assert long._table is None
    long.scale.assign(0.1)
    assert float(traced(tf.constant(7))) == pytest.approx(0.1 * expected[7], rel=1e-5)


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_survives_keras_serialization_and_can_be_scaled(name):
    rate = learning_rate(SCHEDULES.select({"type": name, "warmup": 3}), 0.5, 20)
    rate.scale.assign(0.1)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(rate))
    for step in (0, 2, 3, 10, 19):
        assert float(again(step)) == pytest.approx(float(rate(step)))
    rate.scale.assign(1.0)
    assert float(rate(3)) == pytest.approx(10 * float(again(3)), rel=1e-5)


def test_schedules_follow_their_formulas():
    step = np.arange(10)
    np.testing.assert_allclose(rates("constant"), 1.0)
    np.testing.assert_allclose(rates("cosine"), (1 + np.cos(np.pi * step / 10)) / 2, atol=1e-6)
    np.testing.assert_allclose(
        rates({"type": "cosine", "alpha": 0.5})[-1], 0.5 + 0.25 * (1 + np.cos(0.9 * np.pi)), rtol=1e-5
    )
    np.testing.assert_allclose(rates({"type": "step", "decay_steps": 4, "decay_rate": 0.5}), 0.5 ** (step // 4))
    np.testing.assert_allclose(rates({"type": "step", "decay_steps": 0.4, "decay_rate": 0.5}), 0.5 ** (step // 4))
    np.testing.assert_allclose(rates({"type": "exponential", "decay_rate": 0.1}), 0.1 ** (step / 10), rtol=1e-5)

    np.testing.assert_allclose(rates("polynomial"), 1 - step / 10, rtol=1e-5)
    squared = {"type": "polynomial", "power": 2.0, "end_learning_rate": 0.5}
    np.testing.assert_allclose(rates(squared), 0.5 + 0.5 * (1 - step / 10) ** 2, rtol=1e-5)
    np.testing.assert_allclose(rates("inverse_time"), 1 / (1 + 9 * step / 10), rtol=1e-5)
    stretches = {"type": "piecewise_constant", "boundaries": [0.3, 6], "values": [1.0, 0.5, 2.0]}
    np.testing.assert_allclose(rates(stretches), [1, 1, 1, 0.5, 0.5, 0.5, 2, 2, 2, 2])
    restarts = rates({"type": "cosine_restarts", "first_decay_steps": 2, "t_mul": 2.0})
    np.testing.assert_allclose(restarts[[0, 2, 6]], 1.0, atol=1e-6)
    np.testing.assert_allclose(restarts[4], 0.5, atol=1e-6)
    cycle = rates({"type": "one_cycle", "warmup": 4, "final_div_factor": 100.0})
    assert cycle.argmax() in (3, 4)
    assert cycle[0] == pytest.approx(1 / 25 + 24 / 25 / 4)
    assert cycle[-1] < 0.15


LABELS = np.array([0, 1, 3, 2], np.int32)
PROBABILITIES = np.array(
    [[0.7, 0.1, 0.1, 0.1], [0.2, 0.5, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1]], np.float32
)


def data_for(name):
    loss = LOSSES.select(name)
    signature = TWO if any(LOSSES.select(name).check(FOUR)) else FOUR
    head = loss.head(signature)
    y = LABELS % signature.classes
    p = PROBABILITIES if head.units == 4 else PROBABILITIES[:, :1] if head.units == 1 else PROBABILITIES[:, :2]
    return loss, signature, y, p


@pytest.mark.parametrize("name", [name for name in LOSSES if LOSSES[name].tasks != ("forecasting",)])
def test_a_loss_is_smaller_for_better_predictions_and_survives_serialization(name):
    loss, signature, y, p = data_for(name)
    built = loss.build(signature)
    perfect = np.eye(p.shape[1], dtype=np.float32)[y] if p.shape[1] > 1 else y[:, None].astype(np.float32)
    assert float(built(y, perfect)) < float(built(y, p))
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(built))
    assert float(again(y, p)) == pytest.approx(float(built(y, p)))


def test_cross_entropies_follow_their_formulas():
    picked = -np.log(PROBABILITIES[np.arange(4), LABELS]).mean()
    for name in ("auto", "sparse_categorical_crossentropy", "categorical_crossentropy"):
        assert float(LOSSES.select(name).build(FOUR)(LABELS, PROBABILITIES)) == pytest.approx(picked, rel=1e-6)
    smoothed = LOSSES.select({"type": "auto", "label_smoothing": 0.2}).build(FOUR)
    targets = np.eye(4)[LABELS] * 0.8 + 0.05
    assert float(smoothed(LABELS, PROBABILITIES)) == pytest.approx(
        -(targets * np.log(PROBABILITIES)).sum(1).mean(), rel=1e-6
    )
    y, p = np.array([1, 0], np.int32), np.array([[0.8], [0.4]], np.float32)
    expected = -(np.log(0.8) + np.log(0.6)) / 2
    assert float(LOSSES.select("auto").build(TWO)(y, p)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("name", "signature"),
    [("auto", TWO), ("auto", FOUR), ("binary_crossentropy", TWO), ("categorical_crossentropy", FOUR),
     ("binary_focal_crossentropy", TWO), ("categorical_focal_crossentropy", FOUR)],
    ids=lambda value: value if isinstance(value, str) else str(value.classes),
)  # fmt: skip
def test_label_smoothing_reaches_every_loss_that_has_it(name, signature):
    """Every target keeps 0.8 of itself and has its share of 0.2; the focal factor falls away with gamma 0, alpha 1."""
    plain = {"gamma": 0.0, **({"alpha": 1.0} if signature is FOUR else {})} if "focal" in name else {}
    loss = LOSSES.select({"type": name, "label_smoothing": 0.2, **plain}).build(signature)
    if signature is FOUR:
        y, p, q = LABELS, PROBABILITIES, PROBABILITIES
    else:
        y, p = np.array([1, 0], np.int32), np.array([[0.8], [0.4]], np.float32)
        q = np.hstack([1 - p, p])
    targets = np.eye(signature.classes)[y] * 0.8 + 0.2 / signature.classes
    assert float(loss(y, p)) == pytest.approx(-(targets * np.log(q)).sum(1).mean(), rel=1e-5)


def test_every_smoothed_loss_is_tried():
    smoothed = {name for name in LOSSES if "label_smoothing" in LOSSES[name].model_fields}
    assert smoothed == {
        "auto",
        *("binary_crossentropy", "categorical_crossentropy"),
        *("binary_focal_crossentropy", "categorical_focal_crossentropy"),
    }


@pytest.mark.parametrize("name", ["precision", "recall", "f1", "auc", "accuracy", "top_k_accuracy"])
@pytest.mark.parametrize("signature", [TWO, FOUR], ids=["two classes", "four classes"])
def test_a_metric_agrees_with_scikit_learn(name, signature):
    from sklearn import metrics

    rng = np.random.RandomState(0)
    head = LOSSES.select("auto").head(signature)
    y = rng.randint(0, signature.classes, 300)
    p = rng.uniform(size=(300, signature.classes)) + 0.7 * np.eye(signature.classes)[y]
    p = (p / p.sum(1, keepdims=True)).astype(np.float32)
    answers, average = p.argmax(1), "binary" if signature.classes == 2 else "macro"
    if name == "top_k_accuracy" and signature is TWO:
        assert next(METRICS.select({"type": name, "k": 2}).check(signature))
        return
    expected = {
        "precision": lambda: metrics.precision_score(y, answers, average=average),
        "recall": lambda: metrics.recall_score(y, answers, average=average),
        "f1": lambda: metrics.f1_score(y, answers, average=average),
        "auc": lambda: metrics.roc_auc_score(y, p[:, 1] if signature is TWO else p, multi_class="ovr"),
        "accuracy": lambda: metrics.accuracy_score(y, answers),
        "top_k_accuracy": lambda: metrics.top_k_accuracy_score(y, p, k=2),
    }[name]()
    metric = METRICS.select({"type": name, "k": 2} if name == "top_k_accuracy" else name).build(signature, head)
    outputs = p[:, 1:] if signature is TWO else p
    for part in (slice(0, 100), slice(100, 300)):
        metric.update_state(y[part], outputs[part])
    assert float(metric.result()) == pytest.approx(expected, abs=2e-3 if name == "auc" else 1e-6)


@pytest.mark.parametrize("name", [name for name in METRICS if "classification" in METRICS[name].tasks])
@pytest.mark.parametrize("signature", [TWO, FOUR], ids=["two classes", "four classes"])
def test_a_metric_is_best_for_perfect_predictions(name, signature):
    head = LOSSES.select("auto").head(signature)
    y = LABELS % signature.classes
    perfect = np.eye(head.units, dtype=np.float32)[y] if head.units > 1 else y[:, None].astype(np.float32)
    spec = METRICS.select(name)
    if any(spec.check(signature)):
        return  # `validate` refuses it for these data
    metric = spec.build(signature, head)
    metric.update_state(y, perfect)
    assert metric.name == name
    assert float(metric.result()) == pytest.approx(1.0 if METRICS[name].better == "max" else 0.0)


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("labels", [[0] * 12, [3] * 12, [0, 1, 2, 3] * 3], ids=["the first", "the last", "all"])
def test_top_k_accuracy_of_equal_outputs_is_that_of_guesses(k, labels):
    metric = METRICS.select({"type": "top_k_accuracy", "k": k}).build(FOUR, LOSSES.select("auto").head(FOUR))
    metric.update_state(np.array(labels), np.full((12, 4), 0.25, np.float32))
    assert float(metric.result()) == pytest.approx(k / 4)


def test_classes_with_equal_outputs_share_the_places_that_are_left():
    """Of three equal outputs behind the likeliest, one of two places is left for each with a chance of a third."""
    outputs = np.array([[0.4, 0.2, 0.2, 0.2]] * 4, np.float32)
    metric = METRICS.select({"type": "top_k_accuracy", "k": 2}).build(FOUR, LOSSES.select("auto").head(FOUR))
    metric.update_state(np.array([0, 1, 2, 3]), outputs)
    assert float(metric.result()) == pytest.approx((1 + 3 * 1 / 3) / 4)
    metric.reset_state()
    metric.update_state(np.array([1, 1]), np.array([[np.nan] * 4, [0.1, 0.7, 0.1, np.nan]], np.float32))
    assert float(metric.result()) == 0.0


@pytest.mark.parametrize("signature", [TWO, FOUR], ids=["two classes", "four classes"])
@pytest.mark.parametrize("output", [0.25, 0.5])
def test_the_area_of_equal_outputs_is_one_half(signature, output):
    head = LOSSES.select("auto").head(signature)
    metric = METRICS.select("auc").build(signature, head)
    metric.update_state(np.arange(24) % signature.classes, np.full((24, head.units), output, np.float32))
    assert float(metric.result()) == pytest.approx(0.5)


def test_top_k_accuracy_of_a_single_output_is_the_accuracy():
    metric = METRICS.select({"type": "top_k_accuracy", "k": 1}).build(TWO, LOSSES.select("auto").head(TWO))
    metric.update_state(np.array([0, 1, 1, 0]), np.array([[0.2], [0.9], [0.3], [0.5]], np.float32))
    assert float(metric.result()) == pytest.approx((1 + 1 + 0 + 0.5) / 4)
    import keras

    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
    assert again.get_config() == metric.get_config()
