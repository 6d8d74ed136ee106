"""Splits and order: stratified, seeded, the same everywhere, and never touching the test split."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepcli.data import DATASETS
from deepcli.data.arrays.splits import Provenance, Raw, Tokens, divide, generator, stratified
from deepcli.data.files import Sources
from deepcli.data.words import encode
from deepcli.errors import DataError
from deepcli.training.order import Order


def raw(count=200, classes=4):
    y = (np.arange(count) % classes).astype(np.int32)
    x = np.arange(count, dtype=np.uint8)[:, None]
    return Raw((x, y), (x[:50], y[:50]), Provenance("here", True, ""))


def tokens(*sequences):
    offsets = np.cumsum([0, *map(len, sequences)])
    return Tokens(np.array([id for sequence in sequences for id in sequence], np.int32), offsets)


@given(st.lists(st.integers(0, 4), min_size=5, max_size=60), st.integers(0, 5))
def test_a_stratified_choice_has_the_size_asked_for_and_every_class_its_share(labels, seed):
    y = np.array(labels)
    size = len(y) // 2
    chosen = stratified(y, size, generator(seed))
    assert len(chosen) == size == len(set(chosen))
    for c in np.unique(y):
        assert abs((y[chosen] == c).sum() - (y == c).sum() * size / len(y)) <= 1


def test_training_and_validation_share_nothing_and_leave_nothing_out():
    splits = divide(raw(), 0.2, 3, None)
    assert len(splits.validation) == 40
    assert sorted([*splits.train.ids, *splits.validation.ids]) == list(range(200))
    assert np.array_equal(splits.test.ids, np.arange(50))
    assert np.array_equal(np.asarray(splits.train.x)[:, 0], splits.train.ids)


def test_the_split_follows_its_own_seed_only():
    same, again, other = (divide(raw(), 0.2, seed, None).validation.ids for seed in (3, 3, 4))
    assert np.array_equal(same, again)
    assert not np.array_equal(same, other)


def test_a_limit_takes_so_many_of_each_split_and_the_same_test_examples_for_every_spec():
    first, second = divide(raw(), 0.2, 3, 20), divide(raw(), 0.5, 4, 20)
    assert [len(first[name]) for name in ("train", "validation", "test")] == [20, 20, 20]
    assert np.bincount(first.train.y).tolist() == [5, 5, 5, 5]
    assert np.array_equal(first.test.ids, second.test.ids)


def test_without_validation_there_is_none():
    splits = divide(raw(), 0.0, 0, None)
    assert splits.validation is None
    with pytest.raises(DataError, match="has no validation split"):
        splits["validation"]
    with pytest.raises(DataError, match="leaves none for validation"):
        divide(raw(4), 0.1, 0, None)


def test_digits_test_split_is_the_same_for_every_spec():
    load = DATASETS.select
    a = load("digits").load(Sources())
    b = load({"type": "digits", "split_seed": 9, "validation_split": 0.3, "batch_size": 7}).load(Sources())
    assert np.array_equal(np.asarray(a.test.x), np.asarray(b.test.x))
    assert len(a.test) == 360
    assert np.bincount(a.test.y).min() >= 34
    assert a.train.x.dtype == np.uint8
    assert a.train.x.max() == 255


@pytest.mark.parametrize("lengths", [None, np.arange(1, 104)])
def test_the_order_is_a_function_of_seed_and_epoch(lengths):
    first, again = Order(103, 10, 5, lengths), Order(103, 10, 5, lengths)
    assert first.steps == 11
    assert np.array_equal(first.epoch(2), again.epoch(2))
    assert sorted(first.epoch(2)) == list(range(103))
    assert not np.array_equal(first.epoch(2), first.epoch(3))
    assert not np.array_equal(first.epoch(2), Order(103, 10, 6, lengths).epoch(2))


def test_sequences_of_like_length_share_a_batch_and_batches_come_in_any_order():
    lengths = generator(0).randint(1, 100, 6400)
    order = Order(6400, 64, 0, lengths).epoch(0)
    batches = lengths[order].reshape(-1, 64)
    assert np.mean(batches.max(1) - batches.min(1)) < 5
    assert np.abs(np.corrcoef(np.arange(100), batches.mean(1))[0, 1]) < 0.5


def test_tokens_select_rows():
    all_of_them = tokens([1, 2], [3], [4, 5, 6])
    some = all_of_them[np.array([2, 0])]
    assert some.values.tolist() == [4, 5, 6, 1, 2]
    assert some.lengths.tolist() == [3, 2]


@given(
    st.lists(st.lists(st.integers(1, 60), max_size=12), min_size=1, max_size=6),
    st.none() | st.integers(5, 50),
    st.integers(0, 8),
    st.none() | st.integers(1, 8),
)
def test_reviews_are_encoded_as_keras_does(reviews, num_words, skip_top, maxlen):
    ours = encode(tokens(*reviews), num_words, skip_top, maxlen)
    for index, review in enumerate(reviews):
        ids = [1, *(word + 3 for word in review)]  # keras.datasets.imdb.load_data, start_char=1, index_from=3
        ids = [word if skip_top <= word < (num_words or 10**6) else 2 for word in ids]
        ids = ids[-maxlen:] if maxlen else ids
        assert ours.values[ours.offsets[index] : ours.offsets[index + 1]].tolist() == ids


@pytest.mark.real_data
def test_the_real_mnist_is_verified_and_imdb_is_read(monkeypatch):
    import os
    from pathlib import Path

    sources = Sources(Path(os.environ["DEEPCLI_DATA_DIR"]), offline=True)
    mnist, imdb = (DATASETS.select(name).load(sources) for name in ("mnist", "imdb"))
    assert mnist.provenance.verified
    assert (len(mnist.train), len(mnist.validation), len(mnist.test)) == (54_000, 6_000, 10_000)
    assert (len(imdb.train), len(imdb.validation), len(imdb.test)) == (22_500, 2_500, 25_000)
    assert np.bincount(imdb.validation.y).tolist() == [1250, 1250]
    assert imdb.train.x.lengths.max() == 200
    assert imdb.train.x.values.max() == 9_999


@pytest.mark.parametrize(
    ("counts", "size", "taken"), [((5, 4, 1), 3, (2, 1, 0)), ((4, 3, 3), 5, (2, 2, 1)), ((8, 1, 1), 5, (4, 1, 0))]
)
def test_what_is_left_over_goes_to_the_classes_with_the_largest_remainder(counts, size, taken):
    """Of 5, 4 and 1 examples three are 1.5, 1.2 and 0.3: two of the first class, not of the second."""
    labels = np.repeat(np.arange(3), counts)
    chosen = stratified(labels, size, generator(0))
    assert tuple(np.bincount(labels[chosen], minlength=3)) == taken
