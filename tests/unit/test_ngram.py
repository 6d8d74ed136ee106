"""N-gram bags against plain Python: dictionaries that count, and the formulas of Wang & Manning (2012)."""

from collections import Counter

import numpy as np
import pytest
from pydantic import ValidationError
from sklearn.naive_bayes import MultinomialNB

from deepcli.data.arrays.splits import Split, Tokens
from deepcli.data.files import Sources
from deepcli.experiment.schema import Experiment
from deepcli.nn.ngram_bag import MIX, SPREAD, NgramBag, TokenNgrams, WindowNgrams, class_counts, log_count_ratios
from deepcli.run.checkpoint.file import open_checkpoint
from deepcli.run.reporter import NullReporter
from deepcli.training.build import build_model
from deepcli.training.context import TrainOptions
from deepcli.training.saving import load_weights
from deepcli.training.train import train

VOCABULARY, BUCKETS, NGRAMS = 50, 97, 3
TEXTS = [[4, 5, 4, 5, 4], [7], [9, 8], [int(word) for word in np.random.RandomState(0).randint(1, VOCABULARY, 40)]]
TOKENS = Tokens(np.concatenate(TEXTS).astype(np.int32), np.cumsum([0, *map(len, TEXTS)]))
PADDED = np.array([text + [0] * (45 - len(text)) for text in TEXTS], np.int32)


def wrapped(number):
    """Do to an integer of any size what 32 bits do to it."""
    return (number + 2**31) % 2**32 - 2**31


def hashed(parts, start=0, buckets=BUCKETS):
    state = start
    for part in parts:
        state = wrapped(wrapped(state * SPREAD) + part)
    state = wrapped(state * SPREAD)
    state = wrapped(wrapped(state + state // 2**15) * MIX)
    return wrapped(state + state // 2**13) % buckets


def bag_of(text):
    """Count a text's n-grams by their ids, one after the other."""
    found = Counter(text)
    for n in range(2, NGRAMS + 1):
        found.update(VOCABULARY + hashed(text[i : i + n]) for i in range(len(text) - n + 1))
    return found


@pytest.fixture
def ngrams():
    return TokenNgrams(NGRAMS, BUCKETS, VOCABULARY)


def test_the_ids_of_a_padded_text_are_those_of_a_plain_bag_of_n_grams(ngrams):
    for text, ids in zip(TEXTS, np.asarray(ngrams(PADDED)), strict=True):
        assert Counter(ids[ids != 0].tolist()) == bag_of(text)
        assert ids.max() < ngrams.size


def test_counts_before_training_are_those_of_the_layer(ngrams):
    counts = ngrams.count(TOKENS)
    assert counts.sum() == sum(sum(bag_of(text).values()) for text in TEXTS)
    assert dict(enumerate(counts)) == {id: sum((bag_of(text)[id] for text in TEXTS), 0) for id in range(ngrams.size)}


def test_the_windows_of_an_image_are_counted_as_the_layer_sees_them():
    images = np.random.RandomState(0).randint(0, 256, (3, 5, 4, 2)).astype(np.uint8)
    images[0, 0, 0] = [127, 128]
    layer = WindowNgrams(2, BUCKETS)
    seen = np.asarray(layer(images.astype(np.float32) / 255))
    plain: Counter[int] = Counter()
    for bits in (images >= 128).astype(int):
        plain.update(1 + hashed(bits[i, j], start=4 * i + j) for i in range(5) for j in range(4))
        windows = ((i, j, bits[i : i + 2, j : j + 2].ravel()) for i in range(4) for j in range(3))
        plain.update(1 + hashed(window, start=3 * i + j) for i, j, window in windows)
    assert seen.shape == (3, 5 * 4 + 4 * 3)
    assert Counter(seen.ravel().tolist()) == plain
    assert np.array_equal(layer.count(images), np.bincount(seen.ravel(), minlength=layer.size))


@pytest.mark.parametrize("buckets", [2**14, 10_007])
def test_n_grams_spread_over_all_buckets_as_evenly_as_by_chance(buckets):
    first, second = np.divmod(np.arange(300 * 300, dtype=np.int32), 300)
    pairs = Tokens(np.stack([first, second], axis=1).ravel() + 1, np.arange(0, 2 * 300 * 300 + 1, 2))
    counts = TokenNgrams(2, buckets, 301).count(pairs)[301:]
    expected = len(pairs) / buckets
    assert counts.sum() == len(pairs)
    assert counts.var() < 1.2 * expected
    assert counts.max() < expected + 7 * np.sqrt(expected)


def test_the_output_is_the_sum_over_the_bag_divided_by_the_root_of_its_size(ngrams):
    rng = np.random.RandomState(0)
    bag = NgramBag(ngrams.size, 3, naive_bayes=True)
    ids = ngrams(PADDED)
    bag.build(ids.shape)
    bag.set_weights([rng.normal(size=weight.shape) for weight in bag.weights])
    kernel, bias, ratios = (weight.numpy().astype(np.float64) for weight in bag.weights)
    for text, output in zip(TEXTS, np.asarray(bag(ids)), strict=True):
        plain = bag_of(text)
        total = sum(count * ratios[id] * kernel[id] for id, count in plain.items())
        np.testing.assert_allclose(output, total / np.sqrt(sum(plain.values())) + bias, rtol=1e-5)


def test_dropout_drops_n_grams_while_training_and_keeps_the_mean(ngrams):
    bag = NgramBag(ngrams.size, 1, dropout=0.25, kernel_initializer="ones", seed=0)
    ids = np.repeat(np.asarray(ngrams(PADDED))[3:], 4000, axis=0)
    size = sum(bag_of(TEXTS[3]).values())
    np.testing.assert_allclose(bag(ids[:1]), [[np.sqrt(size)]], rtol=1e-6)
    kept = np.round(np.asarray(bag(ids, training=True))[:, 0] * np.sqrt(size) * 0.75)
    assert abs(kept.mean() / size - 0.75) < 5 * np.sqrt(0.75 * 0.25 / size / 4000)
    assert abs(kept.var() / (size * 0.75 * 0.25) - 1) < 0.15


def test_ratios_follow_the_paper_for_two_classes_and_oppose_one_class_to_the_rest_for_more():
    counts = np.array([[3, 0, 1], [1, 5, 0]])
    p, q = 0.5 + counts[1], 0.5 + counts[0]
    expected = [np.log((p[i] / sum(p)) / (q[i] / sum(q))) for i in range(3)]
    np.testing.assert_allclose(log_count_ratios(counts, 1, 0.5), expected, rtol=1e-12)
    np.testing.assert_allclose(log_count_ratios(counts, 0, 0.5), np.negative(expected), rtol=1e-12)
    three = np.array([[3, 0, 1], [1, 2, 0], [0, 3, 0]])
    np.testing.assert_allclose(log_count_ratios(three, 0, 0.5), np.negative(expected), rtol=1e-12)


def test_counts_are_kept_apart_by_class(ngrams):
    split = Split(TOKENS, np.array([2, 0, 0, 2]), np.arange(4))
    counts = class_counts(ngrams, split, 3)
    assert counts[1].sum() == 0
    assert np.array_equal(counts[0], ngrams.count(TOKENS[np.array([1, 2])]))
    assert np.array_equal(counts[2], ngrams.count(TOKENS[np.array([0, 3])]))


@pytest.mark.parametrize(("classes", "unit", "label"), [(2, 0, 1), (4, 3, 3)])
def test_before_the_first_step_an_even_table_is_the_multinomial_naive_bayes_classifier(classes, unit, label):
    rng = np.random.RandomState(0)
    words = rng.randint(1, VOCABULARY, (60, 12)).astype(np.int32)
    labels = rng.randint(0, classes, 60)
    words[:, 3] = 5 + labels
    split = Split(Tokens(words.ravel(), np.arange(0, 721, 12)), labels, np.arange(60))
    data = {"type": "imdb" if classes == 2 else "reuters", "num_words": VOCABULARY}
    model = {"type": "ngram", "buckets": 1000, "kernel_initializer": {"type": "constant", "value": 1.0}}
    experiment = Experiment.model_validate({"data": data, "model": model})
    built = build_model(experiment, "float32")
    experiment.model.adapt(built, split)
    ngrams, bag = built.get_layer("ngrams"), built.get_layer("bag")
    rows = np.stack([ngrams.count(split.x[np.array([index])]) for index in range(60)])
    judge = MultinomialNB(alpha=1.0, fit_prior=False).fit(rows, labels == label)
    against, for_it = judge.predict_joint_log_proba(rows).T
    found = np.asarray(bag(ngrams(words)))[:, unit] * np.sqrt(12 + 11)
    np.testing.assert_allclose(found, for_it - against, rtol=1e-4, atol=1e-4)


def test_a_run_counts_its_training_split_alone_and_its_checkpoint_keeps_the_ratios(tiny_imdb, tmp_path):
    data = {"type": "imdb", "path": str(tiny_imdb), "batch_size": 32}
    model = {"type": "ngram", "buckets": 500, "smoothing": 0.5}
    experiment = Experiment.model_validate({"data": data, "model": model, "training": {"epochs": 2}})
    splits = experiment.data.load(Sources())
    train(experiment, splits, TrainOptions(tmp_path / "run"), NullReporter())
    trained, fresh = build_model(experiment, "float32"), build_model(experiment, "float32")
    load_weights(trained, open_checkpoint(tmp_path / "run" / "checkpoints" / "best.keras"))
    counts = class_counts(fresh.get_layer("ngrams"), splits.train, 2)
    expected = log_count_ratios(counts, 1, 0.5)[:, None]
    np.testing.assert_allclose(trained.get_layer("bag").ratios.numpy(), expected, rtol=1e-6)
    assert (fresh.get_layer("bag").ratios.numpy() == 1).all()


@pytest.mark.parametrize(
    ("data", "model", "why"),
    [
        ({"type": "imdb", "maxlen": 2}, {"ngrams": 3}, "n-grams of 3 are longer than these data; use at most 2"),
        ("digits", {"ngrams": 9}, "n-grams of 9 are longer than these data; use at most 8"),
        ("imdb", {"embedding_dim": 4}, "applies only without an embedding_dim; set it to false"),
        ("imdb", {"regularization": {"dropconnect": 0.1}}, "use dropout, which drops n-grams"),
        ("imdb", {"regularization": {"gaussian_noise": 0.1}}, "needs an embedding_dim"),
        ("digits", {"regularization": {"spatial_dropout": 0.1}}, "needs an embedding_dim"),
        ("imdb", {"naive_bayes": False, "smoothing": 2.0}, "needs `naive_bayes: true`"),
        ("imdb", {"buckets": 2**29}, "less than or equal to 268435456"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_reason(data, model, why):
    with pytest.raises(ValidationError, match=why):
        Experiment.model_validate({"data": data, "model": {"type": "ngram", **model}})


def test_texts_without_a_limit_may_have_n_grams_of_any_length():
    data = {"type": "imdb", "maxlen": None}
    assert Experiment.model_validate({"data": data, "model": {"type": "ngram", "ngrams": 300}})
