"""Ids in front, however they were padded: what exported models do before all else."""

import keras
import numpy as np
import pytest

from deepcli.nn.compacting import Compact

ROWS = np.array([[0, 0, 1, 5, 6], [1, 5, 6, 0, 0], [0, 1, 0, 5, 6], [9, 8, 7, 6, 5], [0, 0, 0, 0, 0]], np.int32)
COMPACT = [[1, 5, 6, 0, 0], [1, 5, 6, 0, 0], [1, 5, 6, 0, 0], [9, 8, 7, 6, 5], [0, 0, 0, 0, 0]]


@pytest.mark.parametrize(
    ("maxlen", "expected"),
    [
        (None, COMPACT),
        (5, COMPACT),
        (8, COMPACT),
        (3, [[1, 5, 6], [1, 5, 6], [1, 5, 6], [7, 6, 5], [0, 0, 0]]),
        (1, [[6], [6], [6], [5], [0]]),
    ],
)
def test_ids_are_moved_to_the_front_and_the_last_are_kept(maxlen, expected):
    inputs = keras.Input((None,), dtype="int32")
    model = keras.Model(inputs, Compact(maxlen)(inputs))
    found = np.asarray(model(ROWS))
    assert found.dtype == np.int32 and found.tolist() == expected
    again = keras.layers.deserialize(keras.layers.serialize(Compact(maxlen)))
    assert np.asarray(again(ROWS)).tolist() == expected
    assert Compact(maxlen).compute_output_shape((None, 5)) == (None, len(expected[0]))
    assert Compact(maxlen).compute_output_shape((2, None)) == (2, None)
