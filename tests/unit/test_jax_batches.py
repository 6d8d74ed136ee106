"""Batches for JAX have the examples of TensorFlow's, in the same order, in few shapes, and no thread outlives them."""

import threading

import numpy as np
import pytest
import tensorflow as tf

from deepcli.training.order import Order
from deepcli.training.pipeline import TrainingBatches
from tests.contracts.conftest import SIGNATURES, tiny_split

pytest.importorskip("jax")
from deepcli.data.arrays.splits import Tokens
from deepcli.training.jax_batches import WHOLE, JaxBatches, ahead, padded_length, pair_gatherer
from deepcli.training.jax_placement import OneDevice

SIZE = 7


def order_of(split):
    return Order(len(split), SIZE, 3, split.x.sizes if isinstance(split.x, Tokens) else None)


@pytest.mark.parametrize("kind", list(SIGNATURES))
@pytest.mark.parametrize("weighted", [False, True])
def test_the_examples_of_a_step_are_those_of_tensorflow(kind, weighted):
    split = tiny_split(SIGNATURES[kind])
    weights = np.linspace(1, 2, SIGNATURES[kind].classes).astype(np.float32) if weighted else None
    if weighted and split.y.ndim > 1:
        pytest.skip("only classes are weighted")
    order = order_of(split)
    theirs = TrainingBatches(split, order, weights, tf.distribute.get_strategy())
    ours = JaxBatches(split, order, weights, OneDevice().batch)
    for epoch, start in ((0, 0), (1, 2)):
        pairs = list(zip(ours.epoch(epoch, start, order.steps), theirs.epoch(epoch, start, order.steps), strict=True))
        assert len(pairs) == order.steps - start
        for mine, other in pairs:
            assert len(mine) == len(other) == 2 + weighted
            for here, there in zip(map(np.asarray, mine), map(np.asarray, other), strict=True):
                assert here.dtype == there.dtype
                if here.shape != there.shape:  # padded to one of a few lengths
                    assert here.ndim == 2 and here.shape[1] > there.shape[1] and not here[:, there.shape[1] :].any()
                np.testing.assert_array_equal(here[:, : there.shape[1]] if here.ndim > 1 else here, there)


@pytest.mark.parametrize("kind", list(SIGNATURES))
def test_a_process_gathers_its_rows_of_a_batch_as_wide_as_the_whole_batch(kind):
    split = tiny_split(SIGNATURES[kind])
    gather, positions = pair_gatherer(split), order_of(split).epoch(0)[:SIZE]
    whole = gather(positions, WHOLE)
    for rows in (slice(0, 3), slice(3, SIZE)):
        for part, all_rows in zip(gather(positions, rows), whole, strict=True):
            np.testing.assert_array_equal(part, all_rows[rows])


def test_sequences_have_few_lengths_and_never_more_than_the_longest():
    lengths = [padded_length(length, 200) for length in range(1, 201)]
    assert sorted({*lengths}) == [16, 24, 32, 48, 64, 96, 128, 192, 200]
    assert all(padded >= length for length, padded in zip(range(1, 201), lengths, strict=True))
    assert padded_length(3, 12) == 12


def test_a_thread_ends_with_its_batches_and_passes_errors_on():
    def gather(positions):
        if positions[0] == 4:
            raise ValueError("the fifth")
        return (positions,)

    batches = ahead(gather, (np.array([place]) for place in range(9)))
    assert [int(next(batches)[0][0]) for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="the fifth"):
        next(batches)
    halted = ahead(lambda positions: (positions,), (np.array([place]) for place in range(9)))
    next(halted)
    halted.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("deepcli-batches")]
