"""The worst examples come first, as a reader can recognize them, and survive their file."""

import numpy as np
import pytest

from deepcli.data.arrays.splits import Tokens
from deepcli.data.lexicon import Lexicon
from deepcli.data.schema import Column
from deepcli.errors import DataError
from deepcli.evaluation.label_predictions import LabelPredictions
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
