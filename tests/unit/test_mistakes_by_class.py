"""Mistakes by class: how often each is mistaken, for what, with its worst examples."""

import dataclasses
import re

import numpy as np
import pytest

from deepcli.errors import DataError
from deepcli.evaluation.label_predictions import LabelPredictions
from deepcli.evaluation.mistakes import worst
from deepcli.evaluation.other_mistakes import worst_labels
from deepcli.evaluation.predictions import Predictions
from deepcli.reports.class_mistakes import class_mistakes
from deepcli.reports.html import write_report
from deepcli.reports.kind_sections import worst_section
from tests.made_runs import digit_predictions, made_run

NAMES = [f"digit {k}" for k in range(10)]
GROUP = re.compile(r"<details class=\"group\"><summary><b>(.*?)</b>: (.*?)</summary>(.*?)</details>", re.DOTALL)
LABELS = [0] * 6 + [1] * 4 + [2] * 2 + [3]
ANSWERS = [7, 7, 8, 7, 8, 0, 2, 1, 1, 1, 2, 2, 0]


def page(predictions, found, names):
    return "".join(worst_section(found, names, predictions))


def test_classes_are_listed_from_the_most_mistaken_with_what_they_are_taken_for():
    predictions = digit_predictions(LABELS, ANSWERS)
    found = worst(predictions, np.zeros((13, 8, 8, 1), np.uint8), None)
    shown = page(predictions, found, NAMES)
    groups = GROUP.findall(shown)
    assert [group[:2] for group in groups] == [
        ("digit 0", "5 of 6 wrong, most often predicted as digit 7 (3)"),
        ("digit 1", "1 of 4 wrong, most often predicted as digit 2 (1)"),
        ("digit 3", "1 of 1 wrong, most often predicted as digit 0 (1)"),
    ]
    assert re.findall(r"example (\d+)\"", groups[0][2]) == ["4", "3", "2"]  # the most confident three
    assert "never mistaken: digit 2<" in shown and "Mistakes by class" in shown


def test_many_classes_do_not_fill_the_page():
    outputs = np.eye(30, dtype=np.float32)[np.arange(25) + 1]
    more = Predictions(np.arange(25), np.arange(25, dtype=np.int32), outputs)
    names = [f"kind {k}" for k in range(30)]
    shown = page(more, worst(more, np.zeros((25, 2), np.float32), None), names)
    first, rest = shown.split("<summary>5 more</summary>")
    assert len(GROUP.findall(first)) == 20 and rest.count("<b>kind") == 5


def test_a_perfect_model_has_no_groups():
    predictions = digit_predictions([0, 1], [0, 1])
    shown = page(predictions, worst(predictions, np.zeros((2, 2), np.float32), None), NAMES)
    assert "No mistakes on the test split" in shown and "Mistakes by" not in shown


def test_labels_are_listed_with_where_they_are_missing_and_given_wrongly():
    labels = np.array([[1, 0], [1, 1], [0, 1], [0, 0]], np.uint8)
    outputs = np.array([[0.2, 0.1], [0.9, 0.9], [0.8, 0.9], [0.7, 0.1]], np.float32)
    predictions = LabelPredictions(np.arange(4), labels, outputs)
    shown = page(predictions, worst_labels(predictions, np.zeros((4, 1), np.float32), None), ["beach", "hill"])
    ((name, summary, cards),) = GROUP.findall(shown)
    assert (name, summary) == ("beach", "missing in 1 of 2, given wrongly to 2")
    assert sorted(re.findall(r"example (\d+)<", cards)) == ["0", "2", "3"]
    assert "never mistaken: hill<" in shown


def test_large_images_are_made_small():
    predictions = digit_predictions([0], [1])
    photo = np.random.default_rng(0).integers(0, 255, (1, 600, 400, 3), np.uint8)
    (shown,) = class_mistakes(worst(predictions, photo, None), NAMES, predictions)
    assert shown.count("data:image/jpeg;base64,") == 2 and len(shown) < 60_000
    assert 'alt="label digit 0, predicted digit 1' in shown


@pytest.mark.parametrize("label", [10, -1])
def test_mistakes_of_another_model_are_refused(tmp_path, label):
    predictions = digit_predictions([0], [1])
    run = made_run("a", predictions=predictions, x=np.zeros((1, 8, 8, 1), np.uint8))
    found = worst(predictions, np.zeros((1, 8, 8, 1), np.uint8), None)
    dataclasses.replace(found, answers=np.array([label])).save(run.run.mistakes("test"))
    with pytest.raises(DataError, match=r"mistakes-test\.npz has examples of another model.*deepcli evaluate a"):
        write_report(run, tmp_path / "page.html")


def test_predictions_of_another_model_are_refused(tmp_path):
    run = made_run("a", predictions=digit_predictions([0], [1]), x=np.zeros((1, 8, 8, 1), np.uint8))
    other = dataclasses.replace(digit_predictions([0], [1]), probabilities=np.ones((1, 3), np.float32) / 3)
    other.save(run.run.predictions("test"))
    with pytest.raises(
        DataError, match=r"predictions-test\.npz has predictions of another model than the run, which has 10 targets"
    ):
        write_report(run, tmp_path / "page.html")
