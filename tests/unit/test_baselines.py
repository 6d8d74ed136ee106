"""Baselines answer in the form of a network, find what can be found, and learn from the training split alone."""

import math

import numpy as np
import pytest

from deepcli.data.arrays.splits import Split, Tokens
from deepcli.data.schema import Column, Target
from deepcli.data.signature import Signature
from deepcli.errors import DataError
from deepcli.evaluation import baselines
from deepcli.evaluation.baseline_features import BagOfWords, Pixels, TableFeatures
from deepcli.evaluation.baselines import baselines_for, fit_baseline
from deepcli.evaluation.label_predictions import LabelPredictions
from deepcli.evaluation.level_predictions import LevelPredictions
from deepcli.evaluation.number_predictions import NumberPredictions
from deepcli.evaluation.predictions import Predictions
from deepcli.evaluation.scores import take
from deepcli.evaluation.trivial import trivial

COLUMNS = (
    Column(name="a", type="number"),
    Column(name="town", type="category", categories=("x", "y", "z")),
    Column(name="b", type="number"),
    Column(name="day", type="date"),
)


def made(rows, kind, names=("one", "two", "three")):
    count = 0 if kind == "numbers" else len(names)
    return Signature("features", (4,), count, rows, target=Target(kind=kind, names=names), columns=COLUMNS)


def table(rng, rows):
    """A table whose first number, category and missing values all say something of `signal`."""
    a, town, b, day = (
        rng.normal(size=rows),
        rng.integers(0, 4, rows),
        rng.normal(size=rows),
        rng.normal(19_000, 9, rows),
    )
    missing = rng.random(rows) < 0.3
    signal = a + np.array([0, 2, -2, 0.5])[town] + 1.5 * missing
    return np.stack([a, town, np.where(missing, np.nan, b), day], axis=1).astype(np.float32), signal


def split(x, y):
    return Split(x, y, np.arange(len(y)))


def of_signal(signal, kind, rng):
    noisy = signal + 0.3 * rng.normal(size=len(signal))
    if kind == "numbers":
        return np.stack([100 * noisy, noisy, -noisy], axis=1).astype(np.float32)
    if kind == "labels":
        return (noisy[:, None] > [0, 1, -1]).astype(np.uint8)
    return np.digitize(noisy, [-0.5, 1.5]).astype(np.int32)


def scored(kind, y, outputs):
    ids = np.arange(len(y))
    kinds = {
        "classes": lambda: take(Predictions(ids, y, outputs)),
        "levels": lambda: take(LevelPredictions(ids, y, outputs), "ordinal"),
        "labels": lambda: take(LabelPredictions(ids, y, outputs), "multilabel"),
        "numbers": lambda: take(NumberPredictions(ids, y, outputs, ("a", "b", "c")), "regression"),
    }
    return kinds[kind]().values


GOOD = {
    "classes": ("accuracy", 0.8),
    "levels": ("quadratic_kappa", 0.75),
    "labels": ("f1_micro", 0.85),
    "numbers": ("r2", 0.85),
}


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize("name", ["linear", "gradient_boosting"])
def test_a_table_is_learned(name, kind):
    rng = np.random.default_rng(0)
    (x, signal), (held, other) = table(rng, 600), table(rng, 300)
    train, test = split(x, of_signal(signal, kind, rng)), split(held, of_signal(other, kind, rng))
    fitted = fit_baseline(name, made(600, kind), train, test if name == "linear" else None, 0)
    outputs = fitted(test.x)
    assert (outputs.dtype, outputs.shape) == (np.float32, (300, 3))
    score, least = GOOD[kind]
    assert scored(kind, test.y, outputs)[score] > least
    again = fit_baseline(name, made(600, kind), train, None, 0)(test.x)
    assert np.array_equal(again, outputs)


def test_validation_decides_only_when_boosting_stops():
    rng = np.random.default_rng(1)
    (x, signal), (held, other) = table(rng, 500), table(rng, 300)
    train = split(x, of_signal(signal, "numbers", rng)[:, :1])
    noise = split(held, (100 * other).astype(np.float32)[:, None])
    signature = made(500, "numbers", ("one",))
    plain, stopped = (fit_baseline("gradient_boosting", signature, train, one, 0) for one in (None, noise))
    truth = noise.y[:, 0]
    errors = [np.abs(fitted(held)[:, 0] - truth).mean() for fitted in (plain, stopped)]
    assert errors[1] != errors[0]
    assert max(errors) < np.abs(truth - train.y.mean()).mean() / 2


@pytest.mark.parametrize("name", ["linear", "gradient_boosting"])
def test_what_training_lacks_is_no_reason_to_fail(name):
    """A class without examples, a label that no example has, a column that is empty, a category that is new."""
    rng = np.random.default_rng(2)
    x, signal = table(rng, 80)
    x[:, 2], x[x[:, 1] == 3, 1] = np.nan, 1
    new = x.copy()
    new[:, 1] = 3
    two = np.where(signal > 0, 2, 0).astype(np.int32)
    outputs = fit_baseline(name, made(80, "classes"), split(x, two), None)(new)
    assert outputs[:, 1].tolist() == [0] * 80 and outputs.sum(1) == pytest.approx(np.ones(80))
    labels = np.stack([signal > 0, np.zeros(80), np.ones(80)], axis=1).astype(np.uint8)
    outputs = fit_baseline(name, made(80, "labels"), split(x, labels), None)(new)
    assert outputs[:, 1:].tolist() == [[0, 1]] * 80
    outputs = fit_baseline(name, made(80, "classes"), split(x, np.ones(80, np.int32)), None)(new)
    assert outputs.tolist() == [[0, 1, 0]] * 80
    numbers = np.stack([signal, np.ones(80), signal], axis=1).astype(np.float32)
    outputs = fit_baseline(name, made(80, "numbers"), split(x, numbers), None)(new)
    assert outputs[:, 1] == pytest.approx(np.ones(80)) and np.isfinite(outputs).all()


def test_columns_with_many_categories_are_boosted_too():
    rng = np.random.default_rng(3)
    names = tuple(str(k) for k in range(700))
    codes = np.minimum(rng.geometric(0.05, 2000), 700)
    columns = (Column(name="id", type="category", categories=names),)
    target = Target(kind="numbers", names=("y",))
    signature = Signature("features", (1,), 0, 2000, target=target, columns=columns)
    train = split(codes[:, None].astype(np.float32), (codes % 2).astype(np.float32)[:, None])
    outputs = fit_baseline("gradient_boosting", signature, train, None)(np.array([[3], [4], [650]], np.float32))
    assert outputs[:2, 0] == pytest.approx([1, 0], abs=0.1) and np.isfinite(outputs).all()


def texts(rng, count):
    """Texts of 12 words: of class 1 if word 5 follows word 4 in them, else word 4 follows word 5."""
    y = rng.integers(0, 2, count).astype(np.int32)
    words = rng.integers(10, 60, (count, 12))
    places = rng.integers(0, 11, count)
    for row, (place, label) in enumerate(zip(places, y, strict=True)):
        words[row, place : place + 2] = (4, 5) if label else (5, 4)
    return Tokens(words.ravel().astype(np.int32), 12 * np.arange(count + 1)), y


@pytest.mark.parametrize("kind", ["classes", "labels", "numbers"])
def test_pairs_of_words_are_learned(kind):
    rng = np.random.default_rng(4)
    (x, y), (held, other) = texts(rng, 400), texts(rng, 200)
    form = {
        "classes": lambda y: y,
        "labels": lambda y: np.stack([y, 1 - y], axis=1).astype(np.uint8),
        "numbers": lambda y: y[:, None].astype(np.float32),
    }[kind]
    names = ("y",) if kind == "numbers" else ("no", "yes")
    target = Target(kind=kind, names=names)
    signature = Signature("tokens", (None,), 0 if kind == "numbers" else 2, 400, vocabulary=60, target=target)
    assert baselines_for(signature) == ["bag_of_words"]
    fitted = fit_baseline("bag_of_words", signature, split(x, form(y)), None)
    outputs = fitted(held)
    said = {"classes": lambda: outputs[:, 1] > 0.5, "labels": lambda: outputs[:, 0] > 0.5}.get(
        kind, lambda: outputs[:, 0] > 0.5
    )
    assert (said() == other).mean() > 0.95
    assert "cross-validation" in fitted.notes[0]


def test_a_bag_of_words_is_that_of_scikit_learn():
    from sklearn.feature_extraction.text import TfidfVectorizer

    rng = np.random.default_rng(5)
    x, _ = texts(rng, 60)
    written = [" ".join(f"w{word}" for word in x.sequence(k)) for k in range(60)]
    theirs = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True).fit_transform(written).toarray()
    ours = BagOfWords(x)(x).toarray()
    assert ours.shape == theirs.shape
    order = [np.lexsort(np.round(matrix, 9)) for matrix in (ours, theirs)]
    assert ours[:, order[0]] == pytest.approx(theirs[:, order[1]])


@pytest.mark.parametrize("at_once", [1, 50, 300])
def test_words_counted_in_groups_of_texts_are_those_of_all_texts(at_once, monkeypatch):
    x, _ = texts(np.random.default_rng(5), 60)
    whole = BagOfWords(x)(x)
    monkeypatch.setattr("deepcli.evaluation.baseline_features.WORDS_AT_ONCE", at_once)
    found = BagOfWords(x)(x)
    for name in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(found, name), getattr(whole, name), strict=True)


def test_empty_and_unknown_texts_have_no_features():
    x = Tokens(np.array([1, 2, 1, 2, 9], np.int32), np.array([0, 2, 4, 4, 5]))
    found = BagOfWords(x)(x).toarray()
    assert found.shape == (4, 3)
    assert (found**2).sum(axis=1) == pytest.approx([1, 1, 0, 0])
    assert BagOfWords(x)(Tokens(np.array([77], np.int32), np.array([0, 0, 1]))).toarray().sum() == 0


def test_features_of_a_table():
    x = np.array([[1, 0, np.nan, 5], [3, 2, 4, 5], [5, 9, 4, 5]], np.float32)
    spread = math.sqrt(8 / 3)
    expected = [
        [-2 / spread, 0, 0, 1, 1, 0, 0, 0],  # a, b, day, whether b is missing, then the town
        [0, 0, 0, 0, 0, 0, 1, 0],
        [2 / spread, 0, 0, 0, 1, 0, 0, 0],
    ]
    assert TableFeatures(x, COLUMNS)(x) == pytest.approx(np.array(expected))


def test_large_images_are_made_smaller():
    x = np.zeros((2, 96, 96, 3), np.uint8)
    x[0, :48] = 255
    made = Pixels(x)
    found = made(x)
    assert found.shape[1] == 16 * 16 * 3
    assert found[0] == pytest.approx(-found[1])  # the mean of both is subtracted
    assert sorted(set(np.round(found[0], 3).tolist())) == [0, 0.5]
    small = np.arange(8, dtype=np.uint8).reshape(2, 2, 2, 1)
    assert Pixels(small)(small) == pytest.approx(np.array([[-2.0] * 4, [2.0] * 4]) / 255)


def test_images_are_learned():
    rng = np.random.default_rng(6)
    y = rng.integers(0, 3, 300).astype(np.int32)
    x = rng.integers(0, 120, (300, 6, 6, 1)).astype(np.uint8)
    x[np.arange(300), y] += 100
    signature = Signature("image", (6, 6, 1), 3, 200)
    outputs = fit_baseline("pixels", signature, split(x[:200], y[:200]), None)(x[200:])
    assert (outputs.argmax(axis=1) == y[200:]).mean() > 0.9


def test_many_examples_are_drawn_from_and_that_is_noted(monkeypatch):
    monkeypatch.setattr(baselines, "MOST_EXAMPLES", 1500)
    rng = np.random.default_rng(7)
    x, signal = table(rng, 3000)
    train = split(x, of_signal(signal, "numbers", rng))
    fitted = fit_baseline("linear", made(3000, "numbers"), train, None, 3)
    assert fitted.notes[0] == "learned from 1,500 of 3,000 training examples, drawn at random"
    assert fitted(x).shape == (3000, 3)


def test_a_baseline_for_other_inputs_is_named():
    with pytest.raises(DataError, match="pixels is not a baseline for these data; known: linear, gradient_boosting"):
        fit_baseline("pixels", made(3, "classes"), split(np.zeros((3, 4), np.float32), np.zeros(3, np.int32)), None)


class TestTrivial:
    def test_the_most_frequent_class_has_the_shares_as_probabilities(self):
        found = trivial("classes", np.array([2, 2, 2, 0], np.int32), 3, 2)
        assert {name: outputs.tolist() for name, outputs in found.items()} == {
            "most frequent class": [[0.25, 0, 0.75]] * 2
        }

    def test_the_answer_of_level_shares_is_the_median_level(self):
        y = np.array([0, 0, 0, 1, 2, 3, 3], np.int32)
        outputs = trivial("levels", y, 5, 7)["median level"]
        assert LevelPredictions(np.arange(7), y, outputs).answers.tolist() == [1] * 7

    def test_means_and_medians_have_the_least_errors(self):
        y = np.array([[0.0, 5], [0, 6], [9, 10]], np.float32)
        found = trivial("numbers", y, 2, 1)
        assert found["mean"].tolist() == [[3, 7]] and found["median"].tolist() == [[0, 6]]

    def test_labels_have_their_shares(self):
        assert trivial("labels", np.array([[1, 0], [1, 1]], np.uint8), 2, 1)["label shares"].tolist() == [[1, 0.5]]
