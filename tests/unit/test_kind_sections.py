"""Sections of reports on numbers, labels and levels: what they show, and that names cannot break the page."""

import xml.etree.ElementTree as ET
from typing import Any, cast

import numpy as np
import pytest

from deepcli.evaluation.label_predictions import LabelPredictions
from deepcli.evaluation.level_predictions import LevelPredictions
from deepcli.evaluation.number_predictions import NumberPredictions
from deepcli.evaluation.other_mistakes import worst_labels, worst_numbers
from deepcli.evaluation.predictions_file import BY_ARRAYS
from deepcli.reports import number_plots
from deepcli.reports.kind_sections import are_of
from deepcli.reports.label_plots import average_precision_bars
from deepcli.reports.label_sections import label_mistakes, label_sections
from deepcli.reports.level_sections import level_sections
from deepcli.reports.number_sections import number_mistakes, number_sections

NAME = "price in $ <b> & $x_1$"


def numbers(count, name=NAME):
    rng = np.random.default_rng(0)
    truth = rng.normal(1e5, 2e4, (count, 1))
    return NumberPredictions(
        np.arange(count), truth, (truth + rng.normal(0, 5e3, (count, 1))).astype(np.float32), (name,)
    )


def labels(count=200):
    rng = np.random.default_rng(1)
    true = (rng.random((count, 3)) < [0.3, 0.5, 0]).astype(np.uint8)
    outputs = 1 / (1 + np.exp(-rng.normal(2 * true - 1.0, 1)))
    return LabelPredictions(np.arange(count), true, outputs.astype(np.float32))


def parsed(sections):
    return ET.fromstring(f"<div>{''.join(sections)}</div>".replace("<wbr>", ""))


def worst(page):
    """The text of the examples that are the worst of all."""
    return ["".join(card.itertext()) for card in page.find("div") if card.get("class") == "mistake"]


@pytest.mark.parametrize("kind", BY_ARRAYS.values(), ids=lambda kind: kind.__name__)
def test_predictions_of_another_model_are_noticed_for_every_kind(kind):
    assert are_of.dispatch(kind) is not are_of.dispatch(object)


@pytest.mark.parametrize("count", [1, 60, 4000])
def test_numbers_have_a_table_and_three_plots(count):
    predictions = numbers(count)
    page = parsed(number_sections(predictions))
    cells = ["".join(cell.itertext()) for cell in page.iter("td")]
    errors = np.abs(predictions.values.astype(float) - predictions.targets)
    assert cells[0] == (f"{errors.mean():,.0f}" if errors.mean() >= 1000 else f"{errors.mean():.4g}")
    assert len(list(page.iter("{http://www.w3.org/2000/svg}svg"))) == 3
    assert any(NAME in "".join(head.itertext()) for head in page.iter("h2"))


def test_predictions_that_are_not_finite_are_left_out_of_the_plots():
    predictions = numbers(60)
    predictions.values[:59] = np.nan
    assert np.shape(number_plots.predicted_against_true(predictions, 0).axes[0].collections[0].get_offsets()) == (1, 2)
    predictions.values[:] = np.nan
    parsed(number_sections(predictions))


def test_axes_of_predicted_and_true_are_equal_and_show_all_points():
    predictions = numbers(60)
    axes = number_plots.predicted_against_true(predictions, 0).axes[0]
    assert axes.get_xlim() == axes.get_ylim()
    points = axes.collections[0].get_offsets()
    assert np.asarray(points) == pytest.approx(np.hstack([predictions.targets, predictions.values]))
    low, high = axes.get_xlim()
    assert low < np.min(points) and np.max(points) < high


def test_cells_count_the_examples_and_what_is_outside_is_said():
    predictions = numbers(4000)
    predictions.values[0] = 1e9
    axes = number_plots.predicted_against_true(predictions, 0).axes[0]
    inside = int(np.ma.filled(axes.collections[0].get_array(), 0).sum())
    assert 0.98 * 4000 < inside < 4000
    assert [text.get_text() for text in axes.texts] == [f"{4000 - inside} outside"]


def test_labels_are_shown_with_bars_and_figures():
    page = parsed(label_sections(labels(), ["a <b>", "b", "never"]))
    assert [cell.text for cell in page.iter("th")][7:] == ["b", "a <b>", "never"]
    figure = average_precision_bars(labels(), ["a", "b", "never"])
    from sklearn.metrics import average_precision_score

    areas = [average_precision_score(labels().labels[:, k], labels().probabilities[:, k]) for k in range(2)]
    assert [bar.get_width() for bar in cast(Any, figure.axes[0].patches)] == pytest.approx(sorted(areas))


def test_levels_are_shown_in_order():
    true = np.array([0, 1, 2, 2, 1], np.int32)
    given = np.eye(3, dtype=np.float32)[[0, 2, 2, 1, 1]]
    page = parsed(level_sections(LevelPredictions(np.arange(5), true, given), ["low", "mid", "high"]))
    cells = ["".join(cell.itertext()) for cell in page.iter("td")]
    assert cells[:12] == ["1", "", "", "1.0000", "", "1", "1", "0.5000", "", "1", "1", "0.5000"]
    assert cells[12:] == ["1", "20.0 %", "3", "60.0 %", "1", "20.0 %"]
    assert [head.text for head in page.iter("th")][-3:] == ["-1", "0", "+1"]


def test_the_worst_examples_say_what_was_wrong():
    x = np.zeros((200, 2), np.float32)
    page = worst(parsed(number_mistakes(worst_numbers(numbers(60), x[:60], None), (NAME,), numbers(60))))
    assert len(page) == 24 and all(f"{NAME}: " in card and "true" in card for card in page)
    found = worst_labels(labels(), x, None)
    page = worst(parsed(label_mistakes(found, ["a", "b", "never"], labels())))
    assert len(page) == 24 and all("(loss " in card for card in page)
    row = found.truths[0] > found.answers[0]
    assert f"missing: {', '.join(np.array(['a', 'b', 'never'])[row])}" in page[0] if row.any() else True
