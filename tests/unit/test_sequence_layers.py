"""Layers for padded sequences compute what they say, to the value."""

import numpy as np
import pytest

from deepcli.nn import sequences

IDS = np.array([[5, 6, 7, 0], [8, 0, 0, 0]], np.int32)
LENGTHS = np.array([3, 1], np.int32)
X = IDS[..., None].astype(np.float32)


def test_lengths_count_what_is_not_padding_and_are_at_least_one():
    assert sequences.Lengths()(np.array([[5, 6, 7, 0], [0, 0, 0, 0]], np.int32)).numpy().tolist() == [3, 1]


def test_a_mask_marks_the_steps_before_the_padding():
    assert sequences.Mask()(X, LENGTHS).numpy().tolist() == [[True, True, True, False], [True, False, False, False]]


def test_a_sequence_is_reversed_before_its_padding():
    reversed_ = sequences.ReverseSequence()(X, LENGTHS).numpy()[..., 0]
    assert reversed_.tolist() == [[7, 6, 5, 0], [8, 0, 0, 0]]


def test_the_last_step_is_the_last_before_the_padding():
    assert sequences.LastStep()(X, LENGTHS).numpy()[:, 0].tolist() == [7, 8]


@pytest.mark.parametrize(("maxlen", "expected"), [(5, [0, 0, 5, 6, 7]), (2, [6, 7])])
def test_padding_moves_to_the_front_and_the_last_ids_are_kept(maxlen, expected):
    assert sequences.PadLeft(maxlen)(IDS).numpy()[0].tolist() == expected


@pytest.mark.parametrize(("partial", "expected"), [(True, [2, 1]), (False, [1, 1])])
def test_windows_of_a_sequence_are_counted(partial, expected):
    assert sequences.Windows(2, 2, partial)(LENGTHS).numpy().tolist() == expected


@pytest.mark.parametrize(("mode", "expected"), [("max", [7, 8]), ("average", [6, 8])])
def test_pooling_leaves_padding_out(mode, expected):
    mask = sequences.Mask()(X, LENGTHS)
    assert sequences.GlobalMaskedPooling1D(mode)(X, mask).numpy()[:, 0].tolist() == expected
