"""Predictions come back from their file as they went in, and nothing else is taken for them."""

import numpy as np
import pytest

from deepcli.errors import DataError
from deepcli.evaluation.predictions import Predictions

GOOD = {
    "ids": np.array([4, 0, 7]),
    "labels": np.array([0, 2, 1], np.int32),
    "probabilities": np.full((3, 3), 1 / 3, np.float32),
}


@pytest.mark.parametrize("units", [1, 3])
def test_they_survive_their_file(tmp_path, units):
    before = Predictions(GOOD["ids"], GOOD["labels"] % max(2, units), GOOD["probabilities"][:, :units])
    before.save(tmp_path / "predictions-test.npz")
    after = Predictions.load(tmp_path / "predictions-test.npz")
    assert after.classes == max(2, units)
    for name in GOOD:
        saved, loaded = getattr(before, name), getattr(after, name)
        assert np.array_equal(saved, loaded)
        assert saved.dtype == loaded.dtype


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": GOOD["labels"][:2]}, "is not a file of a classifier's predictions: the shapes are"),
        ({"ids": GOOD["ids"][:2]}, "the shapes are"),
        ({"probabilities": GOOD["probabilities"][:, 0]}, "the shapes are"),
        ({name: values[:0] for name, values in GOOD.items()}, "the shapes are"),
        ({"probabilities": GOOD["probabilities"][:, :0]}, "the shapes are"),
        ({"probabilities": GOOD["probabilities"][:, :1]}, "labels are from 0 to 2, but outputs have 1 unit"),
        ({"labels": GOOD["labels"] + 1}, "labels are from 1 to 3, but outputs have 3 units"),
        ({"labels": GOOD["labels"] - 1}, "labels are from -1 to 1"),
        ({"labels": GOOD["labels"].astype(float)}, "ids and labels should be integers"),
        ({"probabilities": GOOD["probabilities"].astype(str)}, "probabilities floats"),
        ({"labels": np.array([{}, {}, {}], object)}, "something other than plain arrays"),
    ],
)
def test_a_file_with_something_else_in_it(tmp_path, change, message):
    path = tmp_path / "predictions-test.npz"
    np.savez(path, **{**GOOD, **change})
    with pytest.raises(DataError, match=message) as raised:
        Predictions.load(path)
    assert str(raised.value).startswith(str(path))


def test_a_file_that_is_none_of_ours(tmp_path):
    path = tmp_path / "predictions-test.npz"
    with pytest.raises(DataError, match="No such file"):
        Predictions.load(path)
    path.write_bytes(b"ids")
    with pytest.raises(DataError, match=r"is damaged or not a \.npz file"):
        Predictions.load(path)
    np.savez(path, ids=GOOD["ids"], labels=GOOD["labels"])
    with pytest.raises(DataError, match="has no array 'probabilities'"):
        Predictions.load(path)
