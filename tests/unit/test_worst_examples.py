"""The worst examples come first, as a reader can recognize them, and survive their file."""

from typing import Any

import numpy as np
import pytest

from deepcli.data.arrays.splits import Tokens
from deepcli.data.lexicon import Lexicon
from deepcli.data.schema import Column
from deepcli.errors import DataError
from deepcli.evaluation.examples import choose
from deepcli.evaluation.label_predictions import LabelPredictions
from deepcli.evaluation.level_predictions import LevelPredictions
from deepcli.evaluation.mistakes import Mistakes, worst
from deepcli.evaluation.number_predictions import NumberPredictions
from deepcli.evaluation.other_mistakes import LabelMistakes, NumberMistakes, worst_labels, worst_numbers
from deepcli.evaluation.predictions import Predictions

COLUMNS = (
    Column(name="age", type="number"),
    Column(name="town", type="category", categories=("Paris", "Rome")),
    Column(name="day", type="date"),
)
ROWS = np.array([[1.5, 1, 0], [np.nan, 2, 19_000], [3, 0, np.nan], [4, 2, 0.5]], np.float32)


def numbers(truth, values):
    truth, values = np.array(truth, float), np.array(values, np.float32)
    return NumberPredictions(np.arange(len(truth)) + 10, truth, values, ("a", "b")[: truth.shape[1]])


def test_rows_are_written_with_their_columns():
    found = worst_numbers(numbers([[0.0]] * 4, [[1], [4], [3], [2]]), ROWS, None, COLUMNS)
    assert found.ids.tolist() == [11, 12, 13, 10]
    assert found.texts.tolist() == [
        "age missing; town Rome; day 2022-01-08",
        "age 3; town missing or unknown; day missing",
        "age 4; town Rome; day 1970-01-01T12:00:00",
        "age 1.5; town Paris; day 1970-01-01",
    ]
    assert len(found.images) == 0


def test_errors_of_several_targets_count_in_standard_deviations():
    truth = [[0.0, 0], [1, 100], [0, 100], [1, 0]]
    found = worst_numbers(numbers(truth, [[0, 30], [1, 100], [2, 100], [1, 0]]), ROWS, None, COLUMNS)
    assert found.ids.tolist()[:2] == [12, 10]  # 2 is four standard deviations of the first, 30 is 0.6 of the second
    assert found.errors.tolist()[:2] == pytest.approx([2 / 0.5 / 2, 30 / 50 / 2])


def test_predictions_that_are_not_finite_are_the_worst():
    assert worst_numbers(numbers([[0.0], [1]], [[9], [np.nan]]), ROWS[:2], None, COLUMNS).ids.tolist() == [11, 10]


def test_labels_that_cost_most_come_first_without_those_that_are_right():
    labels = np.array([[1, 0], [0, 1], [1, 1]], np.uint8)
    outputs = np.array([[0.3, 0.2], [0.2, 0.9], [0.01, 0.9]], np.float32)
    texts = Tokens(np.array([1, 2, 3], np.int32), np.array([0, 1, 2, 3]))
    found = worst_labels(LabelPredictions(np.arange(3), labels, outputs), texts, Lexicon(("", "one", "two", "three")))
    assert (found.ids.tolist(), found.texts.tolist()) == ([2, 0], ["three", "one"])
    assert found.errors.tolist() == pytest.approx([-np.log(0.01 * 0.9), -np.log(0.3 * 0.8)], rel=1e-5)
    assert found.answers.tolist() == [[0, 1], [0, 0]]


def test_a_classifier_s_rows_are_written_too():
    one = Predictions(np.arange(4), np.zeros(4, np.int32), np.eye(2, dtype=np.float32)[[0, 1, 0, 0]])
    assert worst(one, ROWS, None, COLUMNS).texts.tolist() == ["age missing; town Rome; day 2022-01-08"]
    assert worst(one, ROWS, None).texts.tolist() == ["nan; 2; 19000"]


def test_they_survive_their_file(tmp_path):
    images = np.arange(48, dtype=np.uint8).reshape(4, 2, 2, 3)
    found = worst_numbers(numbers([[0.0]] * 4, [[1], [4], [3], [2]]), images, None)
    found.save(tmp_path / "mistakes-test.npz")
    loaded = NumberMistakes.load(tmp_path / "mistakes-test.npz")
    assert loaded.images.tolist() == images[[1, 2, 3, 0]].tolist()
    assert all(np.array_equal(one, getattr(loaded, name)) for name, one in vars(found).items())


@pytest.mark.parametrize("kind", [Mistakes, LabelMistakes])
def test_a_file_of_another_kind_is_refused(tmp_path, kind):
    worst_numbers(numbers([[0.0]] * 4, [[1], [4], [3], [2]]), ROWS, None).save(tmp_path / "a.npz")
    with pytest.raises(DataError, match=r"a\.npz"):
        kind.load(tmp_path / "a.npz")


def confident(labels, answers):
    """Predictions of classes, each less confident than the one before."""
    outputs = np.full((len(labels), 4), 1e-3, np.float32)
    outputs[np.arange(len(labels)), answers] = np.linspace(0.9, 0.5, len(labels))
    return Predictions(np.arange(len(labels)), np.array(labels, np.int32), outputs)


def test_the_worst_of_each_class_are_kept_beside_the_worst_of_all():
    labels = [0] * 40 + [1] * 5 + [2]
    found = worst(confident(labels, [3] * 46), np.zeros((46, 2), np.float32), None)
    assert found.ids.tolist() == [*range(24), 40, 41, 42, 45]
    assert found.outputs.tolist() == sorted(found.outputs.tolist(), reverse=True)


def test_the_worst_of_a_label_are_those_where_it_is_missing_or_given_wrongly():
    labels = np.zeros((60, 3), np.uint8)
    labels[50:, 1] = 1
    outputs = np.full((60, 3), 0.1, np.float32)
    outputs[:50, 0] = np.linspace(0.99, 0.8, 50)
    outputs[50:, 1] = np.linspace(0.4, 0.3, 10)[::-1]
    outputs[50:, 0] = 0.1
    found = worst_labels(LabelPredictions(np.arange(60), labels, outputs), np.zeros((60, 1), np.float32), None)
    assert found.ids.tolist()[:24] == list(range(24))
    assert sorted(found.ids.tolist()[24:]) == [50, 51, 52]


def test_as_many_are_kept_as_there_is_room_for():
    few = [np.array([k, 900 + k]) for k in range(200)]
    assert len(choose(2000, few, np.zeros((2000, 8, 8, 1), np.uint8))) == 100
    assert choose(2000, few, np.zeros((1, 4096, 4096, 3), np.uint8)).tolist() == list(range(24))
    assert choose(0, [], np.zeros((0, 2), np.float32)).tolist() == []
    assert choose(3, [np.array([0, 2]), np.array([1])], np.zeros((3, 2), np.float32)).tolist() == [0, 1, 2]


def test_the_output_of_a_level_is_that_of_the_level_which_is_answered():
    outputs = np.array([[0.4, 0.15, 0.45]], np.float32)
    levels = LevelPredictions(np.arange(1), np.array([2], np.int32), outputs)
    assert levels.answers.tolist() == [1]
    assert levels.worst(np.zeros((1, 2), np.float32), None).outputs.tolist() == pytest.approx([0.15])


IMAGES = np.zeros((2, 3, 3, 1), np.uint8)
GOOD: dict[str, Any] = {
    "ids": np.arange(2), "labels": np.zeros(2, int), "answers": np.ones(2, int), "outputs": np.ones(2, np.float32),
    "images": IMAGES, "texts": np.zeros(0, "U1"),
}  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"ids": np.array(3)},
        {"ids": np.zeros((2, 2), int)},
        {"outputs": np.ones((2, 5), np.float32)},
        {"images": np.zeros((2, 3), np.uint8)},
        {"images": np.zeros((2, 3, 3, 2), np.uint8)},
        {"images": np.zeros((2, 0, 3, 1), np.uint8)},
        {"images": IMAGES.astype(np.uint16)},
        {"texts": np.array(["a", "b"])},
        {"images": IMAGES[:0], "texts": np.array([["a"], ["b"]])},
        {"labels": np.ones(2)},
        {name: np.resize(array, (101, *array.shape[1:])) for name, array in GOOD.items() if name != "texts"},
    ],
)
def test_a_file_with_arrays_that_do_not_fit_is_refused(tmp_path, change):
    np.savez(tmp_path / "good.npz", **GOOD)
    assert len(Mistakes.load(tmp_path / "good.npz").ids) == 2
    np.savez(tmp_path / "bad.npz", **{**GOOD, **change})
    with pytest.raises(DataError, match=r"bad\.npz is not a mistakes file"):
        Mistakes.load(tmp_path / "bad.npz")
