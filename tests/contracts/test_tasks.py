"""Every task: its head, losses, metrics, predictions and answers fit together, for every kind of target it takes."""

import dataclasses

import keras
import numpy as np
import pytest

from deepcli.data.arrays.encoded_pairs import padded
from deepcli.data.schema import Target
from deepcli.data.signature import Signature
from deepcli.errors import SpecError
from deepcli.evaluation.predictions_file import load_predictions
from deepcli.evaluation.scores import SCORES, take
from deepcli.experiment.load import load
from deepcli.models import MODELS
from deepcli.optim import LOSSES, METRICS
from deepcli.tasks import TASKS

from .tiny_pairs import PAIRS, pair_split
from .tiny_series import SERIES, series_split
from .tiny_text import TEXT, VOCABULARY, text_split

EXAMPLES = 60
IMAGES = Signature("image", (8, 8, 1), classes=4, examples=EXAMPLES)
TARGETS = {
    "classes": (Target(names=("a", "b", "c", "d")), 4, np.arange(EXAMPLES, dtype=np.int32) % 4),
    "levels": (Target(kind="levels", names=("1", "2", "3", "4")), 4, np.arange(EXAMPLES, dtype=np.int32) % 4),
    "labels": (
        Target(kind="labels", names=("x", "y", "z")), 3,
        (np.arange(EXAMPLES)[:, None] % np.array([2, 3, 4]) == 0).astype(np.uint8),
    ),
    "numbers": (
        Target(kind="numbers", names=("m", "kg"), means=(100.0, -3.0), scales=(50.0, 0.1)), 0,
        np.stack([np.linspace(0, 200, EXAMPLES), np.linspace(-3.2, -2.8, EXAMPLES)], axis=1).astype(np.float32),
    ),
    "series": (SERIES.target, 0, series_split(EXAMPLES).y),
    "tokens": (TEXT.target, TEXT.classes, text_split(EXAMPLES).y.astype(np.int32)),
    "inputs": (
        Target(kind="inputs", names=("a", "b", "c", "d")), 4,
        np.random.RandomState(0).randint(0, 255, (EXAMPLES, 8, 8, 1)).astype(np.uint8),
    ),
    "sequence": (PAIRS.target, PAIRS.classes, pair_split(EXAMPLES).y),
}  # fmt: skip
FAMILIES = {"tokens": "gru", "sequence": "gru", "inputs": "autoencoder"}
OWN = [name for name in TASKS if name != "auto"]
each = pytest.mark.parametrize("name", OWN)


def case(name):
    target, classes, y = TARGETS[TASKS[name].takes[0]]
    like = {"tokens": TEXT, "series": SERIES, "sequence": PAIRS}.get(target.kind, IMAGES)
    return TASKS.select(name), dataclasses.replace(like, classes=classes, target=target), y


def model_of(task, signature, loss="auto"):
    chosen = task.choose_loss(LOSSES.select(loss), signature)
    head = task.head(chosen, signature)
    family = MODELS.select(FAMILIES.get(signature.predicted.kind, "mlp"))
    return family.build(signature, head), head, chosen


def shape_of(signature, head):
    """The shape of a model's outputs for one example."""
    return (*{"text": signature.shape, "pairs": (None,)}.get(signature.kind, ()), *head.shape)


def inputs(signature):
    if signature.kind == "pairs":
        rows = pair_split(EXAMPLES).x
        return padded([rows.sequence(place).tolist() for place in range(len(rows))], int(rows.lengths.max()))
    made = {"text": text_split, "series": series_split}.get(signature.kind)
    return pixels() if made is None else np.array(made(EXAMPLES).x)


def pixels():
    return np.random.RandomState(0).randint(0, 255, (EXAMPLES, 8, 8, 1)).astype(np.uint8)


@each
def test_a_model_gives_as_many_outputs_as_the_head_says_and_learns(name):
    task, signature, y = case(name)
    model, head, loss = model_of(task, signature)
    task.adapt(model, y)
    assert model.output_shape == (None, *shape_of(signature, head))
    shape, dtype = task.target_form(signature)
    assert (y.shape[1:], y.dtype.name) == (shape, dtype)
    model.compile(
        "adam", task.build_loss(loss, signature), metrics=[m.build(signature, head) for m in task.default_metrics()]
    )
    losses = model.fit(inputs(signature), y, epochs=6, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


@each
def test_every_loss_and_metric_of_a_task_is_best_for_what_is_right(name):
    task, signature, y = case(name)
    losses = [loss for loss in LOSSES if loss in task.losses or task.type in LOSSES[loss].tasks]
    assert len(losses) >= 2 and task.losses[0] in losses
    for loss in losses:
        chosen = LOSSES.select(loss)
        if loss == "auto" or any(chosen.check(signature)) or any(task.check_loss(chosen, signature)):
            continue
        head = task.head(LOSSES.select(loss), signature)
        right = perfect(y, head.outputs)
        assert np.isfinite(right).all()
        built = task.build_loss(LOSSES.select(loss), signature)
        assert float(built(y, right)) < float(built(y, right[::-1])), loss
        again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(built))
        assert float(again(y, right[::-1])) == pytest.approx(float(built(y, right[::-1]))), loss
    head = task.head(task.choose_loss(LOSSES.select("auto"), signature), signature)
    metrics = [metric for metric in METRICS if metric in task.metrics or task.type in METRICS[metric].tasks]
    assert task.metrics[0] in metrics
    for metric in metrics:
        if any(METRICS.select(metric).check(signature)):
            continue
        built = METRICS.select(metric).build(signature, head)
        built.update_state(y, perfect(y, head.outputs))
        best = float(built.result())
        built.reset_state()
        built.update_state(y, perfect(y, head.outputs)[::-1])
        least = {"perplexity": 1.0, "binary_crossentropy": entropy(y)}.get(metric, 0.0)
        assert best == pytest.approx(1.0 if METRICS[metric].better == "max" else least, abs=1e-3), metric
        assert (float(built.result()) < best) == (METRICS[metric].better == "max"), metric


def entropy(y):
    """The cross-entropy of grey pixels with themselves, in nats."""
    share = np.clip(y.astype(np.float64) / 255, 1e-7, 1 - 1e-7)
    return float(-(share * np.log(share) + (1 - share) * np.log(1 - share)).mean())


def perfect(y, outputs):
    if y.ndim == 4:
        return y.astype(np.float32) / 255
    if y.dtype.kind != "i":
        return y.astype(np.float32)
    if y.ndim == 2:
        return 20 * np.eye(outputs, dtype=np.float32)[y]
    return y[:, None].astype(np.float32) if outputs == 1 else np.eye(outputs, dtype=np.float32)[y]


@each
def test_predictions_are_saved_read_scored_and_said_in_words(name, tmp_path):
    task, signature, y = case(name)
    model, head, _ = model_of(task, signature)
    outputs = model.predict(inputs(signature), verbose=0)
    found = task.predictions(signature, np.arange(EXAMPLES), y, kept(task, signature, y, outputs), model)
    assert found.misfit is None
    found.save(tmp_path / "a.npz")
    again = load_predictions(tmp_path / "a.npz")
    assert type(again) is type(found)
    scored = take(again, task.scored_as)
    assert scored.values == take(found, task.scored_as).values
    mine = {score for score in SCORES if task.scored_as in SCORES[score].tasks}
    assert set(scored.values) == {score for score in mine if SCORES.select(score).applies(found)} != set()
    names = list(signature.predicted.names) or list(VOCABULARY)
    interpreter = task.interpreter(signature, names, head, 2)
    interpreter.prepare(model)
    asked = interpreter.asked(model)
    if signature.kind == "pairs":  # what a search finds, and not the outputs themselves
        outputs = np.array([[f"text {place}", -1.5] for place in range(EXAMPLES)], object)
    answers = list(interpreter.each(outputs if asked is model else asked.predict(inputs(signature), verbose=0)))
    assert len(answers) == EXAMPLES
    assert all(len(one.row) == len(interpreter.columns) and one.text and one.fields for one in answers)


def kept(task, signature, y, outputs):
    """What an evaluation keeps of outputs: all of them, unless the task keeps less."""
    reduce = task.kept(signature)
    return outputs if reduce is None else keras.ops.convert_to_numpy(reduce(y, outputs))


@each
def test_tuning_changes_no_output(name):
    task, signature, y = case(name)
    model, _, _ = model_of(task, signature)
    x = inputs(signature)
    before = model.predict(x, verbose=0)
    task.tune(model, task.predictions(signature, np.arange(EXAMPLES), y, kept(task, signature, y, before), model))
    assert np.array_equal(model.predict(x, verbose=0), before)


def test_each_kind_of_target_has_one_task_that_auto_chooses():
    kinds = [TASKS[name].takes[0] for name in OWN]
    assert sorted(kinds) == sorted(TARGETS)
    for name in OWN:
        task, signature, _ = case(name)
        assert TASKS.select("auto").resolve(signature) == task


def test_what_a_task_cannot_learn_is_an_error_that_names_the_tasks_that_can():
    text = "task: regression\ndata: digits\nmodel: mlp\n"
    with pytest.raises(
        SpecError, match="regression predicts numbers, but these data have classes; tasks for these data: "
    ):
        loaded(text)
    with pytest.raises(SpecError, match="log_cosh is not a loss for classification"):
        loaded("data: digits\nmodel: mlp\nloss: log_cosh\n")
    with pytest.raises(SpecError, match="r2_score is not a metric for classification"):
        loaded("data: digits\nmodel: mlp\nmetrics: [r2_score]\n")


def loaded(text):
    from deepcli.experiment.load import parse

    return load([parse(text, "a.yaml")]).experiment


def test_ordinal_learns_textbook_classes_too():
    experiment = loaded("task: ordinal\ndata: digits\nmodel: mlp\n")
    assert (experiment.head.outputs, experiment.resolved_task.type) == (10, "ordinal")
    assert [metric.type for metric in experiment.metrics] == ["accuracy"]


def test_numbers_come_out_in_their_own_units():
    task, signature, y = case("regression")
    model, _, loss = model_of(task, signature)
    built = task.build_loss(loss, signature)
    means, scales = np.array([100.0, -3.0]), np.array([50.0, 0.1])
    outputs = model.predict(pixels(), verbose=0)
    expected = (((outputs - y) / scales) ** 2).mean()
    assert float(built(y, outputs)) == pytest.approx(expected, rel=1e-4)
    plain = keras.Model(model.input, model.get_layer("output").output).predict(pixels(), verbose=0)
    np.testing.assert_allclose(outputs, plain * scales + means, rtol=1e-5)


def test_levels_begin_with_their_shares_and_keep_their_order():
    task, signature, _ = case("ordinal")
    model, _, _ = model_of(task, signature)
    y = np.repeat([0, 1, 2, 3], [6, 30, 20, 4]).astype(np.int32)
    task.adapt(model, y)
    layer = model.get_layer("levels")
    shares = keras.ops.convert_to_numpy(layer(np.zeros((1, 1), np.float32)))[0]
    np.testing.assert_allclose(shares, (np.bincount(y) + 0.5) / 62, rtol=1e-3)
    ranked = keras.ops.convert_to_numpy(layer(np.linspace(-9, 9, 50, dtype=np.float32)[:, None]))
    np.testing.assert_allclose(ranked.sum(axis=1), 1, rtol=1e-5)
    assert (np.diff(ranked.argmax(axis=1)) >= 0).all() and (ranked >= 0).all()
