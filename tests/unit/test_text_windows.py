"""Windows of a running text: views without copies, and batches that are gathered from the text itself."""

import numpy as np
import psutil
import pytest
import tensorflow as tf

from deepcli.data.arrays.splits import Split
from deepcli.data.arrays.text_windows import ALIGNMENT, TextWindows, aligned_tokens, smallest_dtype
from deepcli.training.order import Order
from deepcli.training.pipeline import MeasuringBatches, TrainingBatches, pair_gatherer
from deepcli.training.tensorflow_backend import TensorFlowBackend


def text(count=50, dtype="uint8"):
    tokens = aligned_tokens(count, np.dtype(dtype))
    tokens[:] = np.resize(np.arange(7), count)
    return tokens


def test_the_target_of_each_token_is_the_one_after_it():
    tokens = text(12)
    windows = TextWindows(tokens, range(2, 9, 3), 3)  # at 2, 5 and 8
    assert windows.inputs.tolist() == [[2, 3, 4], [5, 6, 0], [1, 2, 3]]
    assert windows.targets.tolist() == [[3, 4, 5], [6, 0, 1], [2, 3, 4]]
    assert len(windows) == 3 and windows.first(2).targets.tolist() == [[3, 4, 5], [6, 0, 1]]
    assert TextWindows(tokens, range(0), 3).inputs.shape == (0, 3)


def test_windows_share_the_memory_of_the_text_even_if_they_overlap():
    tokens = text()
    split = Split.of_text(TextWindows(tokens, range(0, 40, 1), 8))
    assert np.shares_memory(split.x, tokens) and np.shares_memory(split.y, tokens)
    assert split.x.shape == (40, 8) and split.ids.tolist() == list(range(40))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32"])
def test_batches_gather_the_same_windows_as_the_views(dtype):
    windows = TextWindows(text(dtype=dtype), range(5, 45, 4), 4)
    split = Split.of_text(windows)
    order = Order(len(split), 4, seed=3)
    batches = TrainingBatches(split, order, None, tf.distribute.get_strategy())
    got = list(batches.epoch(1, 0, order.steps))
    places = order.epoch(1)
    assert [x.dtype for x, _ in got] == [tf.int32] * 3
    assert np.array_equal(np.concatenate([x for x, _ in got]), windows.inputs[places])
    assert np.array_equal(np.concatenate([y for _, y in got]), split.y[places])
    measured = list(MeasuringBatches(split, 3))
    assert np.array_equal(np.concatenate([x for x, _ in measured]), windows.inputs)
    assert np.array_equal(np.concatenate([y for _, y in measured]), split.y)


def test_an_aligned_text_is_not_copied_for_batches():
    tokens = text(100)
    assert tokens.ctypes.data % ALIGNMENT == 0
    pairs = pair_gatherer(Split.of_text(TextWindows(tokens, range(0, 90, 9), 9)))
    tokens[:] = 5  # seen through the gatherer only if it reads the same memory
    x, y = pairs(tf.constant([1, 3], tf.int64))
    assert (np.asarray(x) == 5).all() and (np.asarray(y) == 5).all()


def test_an_epoch_takes_little_memory_beyond_a_large_text():
    """TensorFlow copies what a dataset gathers from if it rewrites the dataset."""
    tokens = text(96 << 20)
    split = Split.of_text(TextWindows(tokens, range(0, len(tokens) - 129, 128), 128))
    process, order = psutil.Process(), Order(len(split), 32, seed=0)
    before = process.memory_info().rss
    for x, _ in TrainingBatches(split, order, None, tf.distribute.get_strategy()).epoch(0, 0, 5):
        assert x.shape == (32, 128)
    next(iter(MeasuringBatches(split, 32)))
    assert process.memory_info().rss - before < len(tokens) / 2


def test_a_text_that_cannot_be_shared_is_gathered_all_the_same():
    tokens = text(101)[1:]
    tokens.flags.writeable = False
    pairs = pair_gatherer(Split.of_text(TextWindows(tokens, range(0, 90, 9), 9)))
    x, _ = pairs(tf.constant([1], tf.int64))
    assert np.asarray(x)[0].tolist() == tokens[9:18].tolist()


def test_what_is_kept_of_outputs_is_computed_batch_by_batch_in_the_order_of_the_examples():
    split = Split.of_text(TextWindows(text(), range(0, 40, 4), 4))
    backend, calls = TensorFlowBackend(tf.distribute.get_strategy()), []

    def model(x, training):
        return tf.cast(x, tf.float32)

    def kept(y, outputs):
        return outputs * 100 + tf.cast(y, tf.float32)

    found = backend.keep(model, split, 3, kept, lambda: calls.append(1))
    assert np.array_equal(found, split.x.astype(np.float32) * 100 + split.y)
    assert len(calls) == 4


@pytest.mark.parametrize(
    ("vocabulary", "dtype"), [(256, "uint8"), (257, "uint16"), (65536, "uint16"), (65537, "int32")]
)
def test_tokens_are_held_in_the_smallest_type(vocabulary, dtype):
    assert smallest_dtype(vocabulary) == np.dtype(dtype)
