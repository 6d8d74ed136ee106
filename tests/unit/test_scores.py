"""Scores mean what their names say: against hand computations and the definitions, and where nothing is defined."""

import math
from typing import Any, cast

import numpy as np
import pytest

from deepcli.evaluation.predictions import Predictions
from deepcli.evaluation.scores import SCORES, take
from deepcli.evaluation.tables import per_class
from deepcli.optim import METRICS
from deepcli.result import ClassFigures

OF_CLASSIFIERS = {name for name in SCORES if "classification" in SCORES[name].tasks}

OF_EVERY_CLASS = {"precision_macro", "recall_macro", "f1_macro", "roc_auc", "pr_auc"}
"""Undefined as soon as one class has no examples."""
OF_TWO_CLASSES = {"mcc", "balanced_accuracy", "average_precision"}
"""Undefined if all examples have the same class."""


def said(labels, probabilities):
    labels = np.array(labels, np.int32)
    return Predictions(np.arange(len(labels)), labels, np.array(probabilities, np.float32))


def measured(predictions, *names):
    values = take(predictions).values
    return [values[name] for name in names]


def drawn(units, count=300, ties=False):
    """Draw labels and probabilities that know something of them."""
    rng = np.random.RandomState(units)
    labels = rng.randint(0, max(2, units), count)
    if units == 1:
        outputs = 1 / (1 + np.exp(-rng.normal(2 * labels - 1, 1.5)))[:, None]
    else:
        outputs = np.exp(rng.normal(1.5 * np.eye(units)[labels], 1.0))
        outputs /= outputs.sum(1, keepdims=True)
    return said(labels, np.round(outputs, 1) if ties else outputs)


# Who is taken for whom: 0 is found twice of four times, 1 twice of three, 2 always.
LABELS = [0, 0, 0, 0, 1, 1, 1, 2, 2, 2]
ANSWERS = [0, 0, 1, 2, 1, 1, 0, 2, 2, 2]
THREE = said(LABELS, 0.25 + 0.25 * np.eye(3)[ANSWERS])


class TestByHand:
    def test_precision_recall_and_f1_of_each_class(self):
        rows = [(2 / 3, 2 / 4, 4 / 7, 4), (2 / 3, 2 / 3, 2 / 3, 3), (3 / 4, 3 / 3, 6 / 7, 3)]
        for label, (figures, row) in enumerate(zip(per_class(THREE), rows, strict=True)):
            assert (figures.label, figures.support) == (label, row[3])
            assert (figures.precision, figures.recall, figures.f1) == pytest.approx(row[:3])

    def test_their_means_plain_and_weighted_by_examples(self):
        expected = {
            "precision_macro": (2 / 3 + 2 / 3 + 3 / 4) / 3,
            "precision_weighted": (4 * 2 / 3 + 3 * 2 / 3 + 3 * 3 / 4) / 10,
            "recall_macro": (1 / 2 + 2 / 3 + 1) / 3,
            "recall_weighted": (4 * 1 / 2 + 3 * 2 / 3 + 3) / 10,
            "f1_macro": (4 / 7 + 2 / 3 + 6 / 7) / 3,
            "f1_weighted": (4 * 4 / 7 + 3 * 2 / 3 + 3 * 6 / 7) / 10,
        }
        assert measured(THREE, *expected) == pytest.approx(list(expected.values()))

    def test_the_confusion_matrix_has_labels_in_rows_and_answers_in_columns(self):
        assert THREE.confusion.tolist() == [[2, 1, 1], [1, 2, 0], [0, 0, 3]]

    def test_accuracy(self):
        assert measured(THREE, "accuracy") == [0.7]

    def test_mcc_of_several_classes(self):
        right, total, true, guessed = 7, 10, np.array([4, 3, 3]), np.array([3, 3, 4])
        expected = (right * total - true @ guessed) / math.sqrt(
            (total**2 - true @ true) * (total**2 - guessed @ guessed)
        )
        assert expected == pytest.approx(37 / 66)
        assert measured(THREE, "mcc") == pytest.approx([expected])

    def test_log_loss_and_brier_of_one_unit(self):
        predictions = said([1, 0, 1], [[0.75], [0.25], [0.5]])
        log_loss = -(math.log(0.75) + math.log(0.75) + math.log(0.5)) / 3
        brier = (0.25**2 + 0.25**2 + 0.5**2) / 3
        assert measured(predictions, "log_loss", "brier") == pytest.approx([log_loss, brier])

    def test_two_units_give_what_one_does(self):
        one = drawn(1)
        p = one.probabilities.astype(np.float64)
        two = Predictions(one.ids, one.labels, np.hstack([1 - p, p]))
        assert take(two).values == pytest.approx(take(one).values)
        assert take(two).confusion_matrix == take(one).confusion_matrix

    def test_log_loss_and_brier_of_three_classes(self):
        predictions = said([0, 2], [[0.5, 0.25, 0.25], [0.25, 0.25, 0.5]])
        brier = 0.5**2 + 0.25**2 + 0.25**2
        assert measured(predictions, "log_loss", "brier") == pytest.approx([math.log(2), brier])

    def test_roc_auc_and_pr_auc(self):
        """Of four pairs three are in order; precision is 1 where the first is found, 2/3 where the second is."""
        predictions = said([0, 0, 1, 1], [[0.1], [0.4], [0.35], [0.8]])
        assert measured(predictions, "roc_auc", "pr_auc") == pytest.approx([3 / 4, (1 + 2 / 3) / 2])

    def test_ece_compares_confidence_and_accuracy_in_each_bin(self):
        # Confidences 0.75 (right), 0.75 (wrong) and 0.625 (right) in one of four bins, 0.875 (right) in the next.
        predictions = said([1, 0, 0, 1], [[0.75], [0.75], [0.375], [0.875]])
        ece = SCORES.select({"type": "ece", "bins": 4})
        gaps = 3 / 4 * abs(2 / 3 - (0.75 + 0.75 + 0.625) / 3) + 1 / 4 * abs(1 - 0.875)
        assert ece.measure(predictions) == pytest.approx(gaps)

    def test_ece_is_zero_for_a_model_that_knows_what_it_knows(self):
        assert measured(said([1, 1, 1, 0], [[0.75]] * 4), "ece") == pytest.approx([0])


SHAPES = pytest.mark.parametrize("units", [1, 2, 5], ids=["one unit", "two units", "five units"])
TIES = pytest.mark.parametrize("ties", [False, True], ids=["plain", "ties"])


@SHAPES
class TestByDefinition:
    """In NumPy, as the textbooks have it; two classes are measured by class 1, several by each against the rest."""

    @TIES
    def test_roc_auc_is_the_share_of_pairs_in_order(self, units, ties):
        predictions = drawn(units, ties=ties)

        def area(k):
            p, is_k = predictions.by_class[:, k], predictions.labels == k
            differences = p[is_k][:, None] - p[~is_k]
            return (differences > 0).mean() + (differences == 0).mean() / 2

        areas = [area(k) for k in range(predictions.classes)]
        assert measured(predictions, "roc_auc") == pytest.approx([areas[1] if units < 3 else np.mean(areas)])

    @TIES
    def test_pr_auc_sums_precision_over_the_steps_of_recall(self, units, ties):
        predictions = drawn(units, ties=ties)

        def area(k):
            p, is_k = predictions.by_class[:, k], predictions.labels == k
            total, before = 0.0, 0.0
            for threshold in np.unique(p)[::-1]:
                chosen = p >= threshold
                recall = is_k[chosen].sum() / is_k.sum()
                total, before = total + (recall - before) * is_k[chosen].mean(), recall
            return total

        areas = [area(k) for k in range(predictions.classes)]
        assert measured(predictions, "pr_auc") == pytest.approx([areas[1] if units < 3 else np.mean(areas)])

    def test_log_loss_brier_and_ece(self, units):
        predictions = drawn(units)
        p, labels = predictions.by_class, predictions.labels
        one_hot = np.eye(predictions.classes)[labels]
        log_loss = -np.log(p[np.arange(len(labels)), labels]).mean()
        brier = ((p[:, 1] - labels) ** 2).mean() if units < 3 else ((p - one_hot) ** 2).sum(1).mean()
        confidence, right, ece = p.max(1), p.argmax(1) == labels, 0.0
        for low in range(15):
            inside = (confidence > low / 15) & (confidence <= (low + 1) / 15)
            if inside.any():
                ece += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
        assert measured(predictions, "log_loss", "brier", "ece") == pytest.approx([log_loss, brier, ece], abs=1e-6)

    def test_what_follows_from_counts(self, units):
        predictions = drawn(units)
        labels, answers = predictions.labels, predictions.by_class.argmax(1)
        counts = np.zeros((predictions.classes, predictions.classes))
        np.add.at(counts, (labels, answers), 1)
        right, true, guessed = np.diag(counts), counts.sum(1), counts.sum(0)
        figures = {"precision": right / guessed, "recall": right / true, "f1": 2 * right / (guessed + true)}
        assert predictions.confusion.tolist() == counts.tolist()
        for name, values in figures.items():
            weighted = (values * true).sum() / true.sum()
            assert measured(predictions, f"{name}_macro", f"{name}_weighted") == pytest.approx(
                [values.mean(), weighted]
            )
            assert [getattr(figure, name) for figure in per_class(predictions)] == pytest.approx(values)
        one_hot = [np.eye(predictions.classes)[side] for side in (labels, answers)]
        cov = [[np.cov(a.T, b.T)[: len(a.T), len(a.T) :].trace() for a in one_hot] for b in one_hot]
        assert measured(predictions, "mcc") == pytest.approx([cov[0][1] / math.sqrt(cov[0][0] * cov[1][1])])

    def test_perfect_predictions(self, units):
        labels = np.arange(20) % max(2, units)
        values = take(said(labels, np.eye(units)[labels] if units > 1 else labels[:, None])).values
        worst = {name for name, value in values.items() if value == pytest.approx(0, abs=1e-12)}
        assert worst == {"log_loss", "brier", "ece"}
        assert all(value == pytest.approx(1) for name, value in values.items() if name not in worst)

    def test_one_answer_for_everything_is_no_better_than_chance(self, units):
        labels = np.arange(20) % max(2, units)
        share = 1 / max(2, units)
        predictions = said(labels, [[0.25] if units == 1 else [0.5] + [0.5 / (units - 1)] * (units - 1)] * 20)
        names = ("accuracy", "roc_auc", "pr_auc", "mcc", "precision_macro", "recall_macro")
        assert measured(predictions, *names) == pytest.approx([share, 0.5, share, 0, share**2, share])
        assert [figures.precision for figures in per_class(predictions)[1:]] == [0.0] * (predictions.classes - 1)

    def test_one_example(self, units):
        scored = take(drawn(units, count=1))
        undefined = {name for name, value in scored.values.items() if math.isnan(value)}
        assert undefined == {*OF_EVERY_CLASS, *OF_TWO_CLASSES}
        assert [figures.support for figures in scored.classes].count(0) == max(2, units) - 1

    def test_the_answer_is_that_of_keras_s_accuracy(self, units):
        from deepcli.data.signature import Signature
        from deepcli.models.heads import Head

        predictions = drawn(units, ties=True)  # some outputs are exactly 0.5, or equal
        signature = Signature("image", (4, 4, 1), predictions.classes, 300)
        metric = METRICS.select("accuracy").build(signature, Head(units, "softmax"))
        metric.update_state(predictions.labels, predictions.probabilities)
        assert measured(predictions, "accuracy") == pytest.approx([float(metric.result())])


class TestWhatTheSplitCannotTell:
    def test_a_class_without_examples_has_no_figures_and_no_plain_mean(self):
        full = drawn(5)
        there = full.labels != 3
        scored = take(Predictions(full.ids[there], full.labels[there], full.probabilities[there]))
        undefined = {name for name, value in scored.values.items() if math.isnan(value)}
        assert undefined == OF_EVERY_CLASS
        absent = scored.classes[3]
        assert absent.support == 0
        assert all(math.isnan(figure) for figure in (absent.precision, absent.recall, absent.f1))
        assert not any(math.isnan(figures.f1) for figures in scored.classes if figures is not absent)
        assert scored.confusion_matrix[3] == [0] * 5
        assert sum(map(sum, scored.confusion_matrix)) == there.sum()

    @pytest.mark.parametrize("label", [0, 1])
    def test_one_class_only(self, label):
        values = take(said([label] * 3, [[0.2], [0.6], [0.7]])).values
        undefined = {name for name, value in values.items() if math.isnan(value)}
        assert undefined == {*OF_EVERY_CLASS, *OF_TWO_CLASSES}
        p = np.array([0.2, 0.6, 0.7])
        assert values["log_loss"] == pytest.approx(-np.log(p if label else 1 - p).mean(), abs=1e-6)

    @pytest.mark.parametrize(
        "outputs",
        [[[2.0, -1.0], [0.5, 3.0]], [[0.5, 0.4], [0.2, 0.8]], [[-0.25, 1.25], [1.0, 0.0]], [[1.5], [0.5]]],
        ids=["logits", "a sum below 1", "negative", "above 1"],
    )
    def test_outputs_that_are_no_probabilities_have_no_calibration(self, outputs):
        scored = take(said([0, 1], outputs))
        assert {name for name, value in scored.values.items() if math.isnan(value)} == {"log_loss", "brier", "ece"}

    @pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
    @pytest.mark.parametrize("units", [1, 3])
    def test_outputs_that_are_no_numbers(self, units, bad):
        full = drawn(units)
        outputs = full.probabilities.copy()
        outputs[7] = bad
        values = take(Predictions(full.ids, full.labels, outputs)).values
        undefined = {name for name, value in values.items() if math.isnan(value)}
        assert undefined == {"log_loss", "brier", "ece", "roc_auc", "pr_auc", "average_precision"}


@SHAPES
@TIES
def test_balanced_accuracy_and_average_precision_are_those_of_scikit_learn(units, ties):
    from sklearn import metrics

    one = drawn(units, ties=ties)
    truth = one.labels if units < 3 else np.eye(units)[one.labels]
    outputs = one.by_class[:, 1] if units < 3 else one.by_class
    assert measured(one, "balanced_accuracy", "average_precision") == pytest.approx(
        [metrics.balanced_accuracy_score(one.labels, one.answers), metrics.average_precision_score(truth, outputs)]
    )
    assert measured(one, "balanced_accuracy", "average_precision") == measured(one, "recall_macro", "pr_auc")
    scored = take(one)
    for name, alike in (("balanced_accuracy", "recall_macro"), ("average_precision", "pr_auc")):
        assert scored.intervals[name] == pytest.approx(scored.intervals[alike])


def test_classes_without_examples_are_left_out_of_both_and_counted():
    from sklearn import metrics

    full = drawn(5)
    there = full.labels != 3
    labels, outputs = full.labels[there], full.probabilities[there]
    answers, classes = outputs.argmax(1), [0, 1, 2, 4]
    recalls = metrics.recall_score(labels, answers, labels=classes, average=None)
    areas = metrics.average_precision_score(np.eye(5)[labels][:, classes], outputs[:, classes], average=None)
    scored = take(said(labels, outputs))
    for name, values in (("balanced_accuracy", recalls), ("average_precision", areas)):
        assert scored.values[name] == pytest.approx(np.mean(values))
        assert scored.intervals[name] is None
        assert scored.interval_notes[name].endswith("; 1 of 5 classes have no examples and are left out")


def test_the_rounding_of_a_softmax_is_made_up_for():
    full = drawn(5)
    rounded = (full.by_class * (1 + 9e-6)).astype(np.float32)
    names = ("log_loss", "brier", "ece")
    expected = measured(full, *names)
    assert measured(Predictions(full.ids, full.labels, rounded), *names) == pytest.approx(expected, abs=1e-6)


def test_a_label_held_for_impossible_costs_what_is_documented():
    assert "36.04" in SCORES["log_loss"].__doc__
    assert measured(said([1], [[0.0]]), "log_loss") == pytest.approx([36.04], abs=5e-3)


def test_every_score_has_an_interval_or_a_reason_why_not():
    scored = take(drawn(5))
    assert set(scored.intervals) == set(scored.interval_notes) == OF_CLASSIFIERS
    missing = {name for name, ends in scored.intervals.items() if ends is None}
    assert missing == {name for name, note in scored.interval_notes.items() if note.startswith("none: ")} == {"ece"}
    assert all(ends[0] < scored.values[name] < ends[1] for name, ends in scored.intervals.items() if ends)
    assert scored.intervals == take(drawn(5)).intervals


def test_the_picture_of_calibration_has_the_bins_of_the_score():
    from deepcli.reports import class_plots

    predictions = drawn(5)
    table = cast(Any, SCORES.select("ece")).table(predictions)
    assert table.counts.sum() == len(predictions.labels)
    gap = (abs(table.accuracy - table.confidence) * table.counts).sum() / len(predictions.labels)
    assert measured(predictions, "ece") == pytest.approx([gap])
    axes = class_plots.calibration(predictions).axes[0]
    assert [bar.get_height() for bar in cast(Any, axes.patches)] == pytest.approx(table.accuracy.tolist())
    assert axes.get_title() == f"calibration: ECE {gap:.4f}, 15 bins"
    assert class_plots.calibration(said([0, 1], [[2.0, -1.0], [0.5, 3.0]])) is None


def test_every_score_is_tested_here_by_name():
    assert {
        "accuracy", "precision_macro", "precision_weighted", "recall_macro", "recall_weighted", "f1_macro",
        "f1_weighted", "roc_auc", "pr_auc", "log_loss", "mcc", "brier", "ece", "balanced_accuracy", "average_precision",
    } == OF_CLASSIFIERS  # fmt: skip
    assert list(take(THREE).values) == sorted(OF_CLASSIFIERS)


def test_no_score_has_the_name_of_a_metric_that_means_something_else():
    # Average precision is a metric of labels and a score of classes: the same area, of other columns.
    assert set(SCORES) & set(METRICS) == {
        *("accuracy", "average_precision", "perplexity"),
        *("binary_crossentropy", "mean_absolute_error", "mean_squared_error"),  # of reconstructions
    }
    assert not set(SCORES["average_precision"].tasks) & {"multilabel"}


def test_figures_of_a_class_are_named_as_in_the_json():
    figures = ClassFigures.model_validate({"class": 3, "precision": 1.0, "recall": 0.5, "f1": 2 / 3, "support": 4})
    assert list(figures.model_dump(by_alias=True)) == ["class", "precision", "recall", "f1", "support"]
