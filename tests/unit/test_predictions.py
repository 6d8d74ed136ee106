"""Predictions come back from their file as they went in, and nothing else is taken for them."""

from typing import Any

import numpy as np
import pytest

from deepcli.errors import DataError
from deepcli.evaluation.label_predictions import LabelPredictions
from deepcli.evaluation.level_predictions import LevelPredictions
from deepcli.evaluation.number_predictions import NumberPredictions
from deepcli.evaluation.predictions import Predictions
from deepcli.evaluation.predictions_file import load_predictions

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


IDS = np.array([4, 0, 7])
OTHERS = [
    NumberPredictions(IDS, np.arange(6.0).reshape(3, 2), np.ones((3, 2), np.float32), ("height of a tree", "ø")),
    LabelPredictions(IDS, np.eye(3, dtype=np.uint8), np.full((3, 3), 0.25, np.float32), np.array([0.5, 0.1, 0.9])),
    LevelPredictions(IDS, np.array([0, 2, 1], np.int32), np.full((3, 3), 1 / 3, np.float32)),
    Predictions(IDS, GOOD["labels"], GOOD["probabilities"]),
]


@pytest.mark.parametrize("before", OTHERS, ids=lambda one: type(one).__name__)
def test_a_file_says_of_which_kind_its_predictions_are(tmp_path, before):
    before.save(tmp_path / "predictions-test.npz")
    after = load_predictions(tmp_path / "predictions-test.npz")
    assert type(after) is type(before)
    for name, value in vars(before).items():
        if isinstance(value, np.ndarray):
            loaded = getattr(after, name)
            assert np.array_equal(value, loaded) and value.dtype == loaded.dtype
        elif name == "names":
            assert getattr(after, name) == value


def test_a_file_from_before_other_kinds_existed_is_a_classifier_s(tmp_path):
    save: Any = np.savez_compressed
    save(tmp_path / "old.npz", **GOOD)
    assert type(load_predictions(tmp_path / "old.npz")) is Predictions


@pytest.mark.parametrize(
    ("index", "change", "message"),
    [
        (0, {"names": np.array(["a"])}, "is not a file of predicted numbers: the shapes are"),
        (0, {"names": np.array([1, 2])}, "with 0 names"),
        (0, {"values": np.ones((3, 1), np.float32)}, "the shapes are"),
        (0, {"values": np.ones((3, 2), int)}, "targets and values floats"),
        (0, {"targets": np.full((3, 2), np.nan)}, "some targets are not finite"),
        (0, {"ids": IDS[:2]}, "the shapes are"),
        (0, {"names": np.array([{}, []], object)}, "something other than plain arrays"),
        (1, {"labels": np.full((3, 3), 2, np.uint8)}, "predicted labels: labels should be 0 or 1, not 2 to 2"),
        (1, {"probabilities": np.full((3, 3), 1.5, np.float32)}, "not probabilities from 0 to 1"),
        (1, {"probabilities": np.full((3, 3), np.nan, np.float32)}, "not probabilities from 0 to 1"),
        (1, {"thresholds": np.zeros(2)}, "the shapes are"),
        (1, {"labels": np.zeros((3, 3))}, "labels should be integers"),
        (2, {"levels": np.array([0, 3, 1])}, "predicted levels: labels are from 0 to 3"),
    ],
)
def test_a_file_of_another_kind_with_something_else_in_it(tmp_path, index, change, message):
    path = tmp_path / "predictions-test.npz"
    good = dict(zip(OTHERS[index].ARRAYS, OTHERS[index].to_arrays(), strict=True))
    np.savez(path, **{**good, **change})
    with pytest.raises(DataError, match=message) as raised:
        load_predictions(path)
    assert str(raised.value).startswith(str(path))


def test_a_file_of_no_kind_is_named(tmp_path):
    path = tmp_path / "predictions-test.npz"
    with pytest.raises(DataError, match="No such file"):
        load_predictions(path)
    path.write_bytes(b"ids")
    with pytest.raises(DataError, match=r"is damaged or not a \.npz file"):
        load_predictions(path)
    np.savez(path, ids=IDS, values=IDS)
    with pytest.raises(DataError, match="has no array 'labels'"):
        load_predictions(path)
