"""Scores of labels and levels are those of scikit-learn, thresholds are the best there are, intervals hold what they say."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from deepcli.evaluation import intervals
from deepcli.evaluation.label_predictions import LabelPredictions
from deepcli.evaluation.level_predictions import LevelPredictions
from deepcli.evaluation.scores import SCORES, take
from deepcli.evaluation.thresholds import choose_thresholds

OF_LABELS = {name for name in SCORES if "multilabel" in SCORES[name].tasks}
OF_LEVELS = {name for name in SCORES if "ordinal" in SCORES[name].tasks}


def labelled(labels, probabilities, *thresholds):
    labels, probabilities = np.asarray(labels, np.uint8), np.asarray(probabilities, np.float32)
    return LabelPredictions(np.arange(len(labels)), labels, probabilities, *thresholds)


def drawn(rng, count=200, labels=4, ties=False):
    true = (rng.random((count, labels)) < np.linspace(0.1, 0.5, labels)).astype(np.uint8)
    outputs = 1 / (1 + np.exp(-rng.normal(1.8 * true - 1.2, 1.0)))
    return labelled(true, np.round(outputs, 1) if ties else outputs)


def levels(labels, probabilities):
    labels = np.asarray(labels, np.int32)
    return LevelPredictions(np.arange(len(labels)), labels, np.asarray(probabilities, np.float32))


def ranked(rng, count=200, count_of_levels=5):
    labels = rng.integers(0, count_of_levels, count)
    outputs = np.exp(-np.abs(np.arange(count_of_levels) - (labels + rng.normal(size=count))[:, None]))
    return levels(labels, outputs / outputs.sum(1, keepdims=True))


@pytest.mark.parametrize("ties", [False, True])
def test_labels_are_measured_as_by_scikit_learn(ties):
    one = drawn(np.random.default_rng(0), ties=ties)
    true, outputs = one.labels, one.probabilities
    given = (outputs >= 0.5).astype(int)
    expected = {
        "f1_micro": metrics.f1_score(true, given, average="micro"),
        "f1_macro": metrics.f1_score(true, given, average="macro"),
        "average_precision_macro": metrics.average_precision_score(true, outputs, average="macro"),
        "subset_accuracy": metrics.accuracy_score(true, given),
        "hamming_loss": metrics.hamming_loss(true, given),
        "label_ranking_average_precision": metrics.label_ranking_average_precision_score(true, outputs),
    }
    assert set(expected) == OF_LABELS
    found = take(one, "multilabel")
    assert found.values == pytest.approx(expected)
    assert all(ends[0] < found.values[name] < ends[1] for name, ends in found.intervals.items())
    rows = metrics.precision_recall_fscore_support(true, given)
    for k, row in enumerate(found.labels):
        assert [row.precision, row.recall, row.f1, row.support] == pytest.approx([part[k] for part in rows])
        assert row.average_precision == pytest.approx(metrics.average_precision_score(true[:, k], outputs[:, k]))


def test_examples_with_no_label_or_all_of_them_rank_perfectly():
    true = [[0, 0, 0], [1, 1, 1], [0, 1, 0]]
    found = take(labelled(true, [[0.2, 0.3, 0.4], [0.1, 0.1, 0.9], [0.9, 0.6, 0.3]]), "multilabel").values
    assert found["label_ranking_average_precision"] == pytest.approx((1 + 1 + 1 / 2) / 3)


def test_labels_without_examples_are_left_out_and_counted():
    one = drawn(np.random.default_rng(1))
    with_absent = labelled(
        np.insert(one.labels, 1, 0, axis=1), np.insert(one.probabilities, 1, 0.9, axis=1)
    )  # it is given to all
    plain, found = take(one, "multilabel"), take(with_absent, "multilabel")
    for name in ("f1_macro", "average_precision_macro"):
        assert found.values[name] == pytest.approx(plain.values[name])
        assert found.intervals[name] == pytest.approx(plain.intervals[name])
        assert found.interval_notes[name].endswith("1 of 5 labels have no examples and are left out")
        assert "left out" not in plain.interval_notes[name]
    assert found.values["f1_micro"] < plain.values["f1_micro"] - 0.05
    assert math.isnan(found.labels[1].f1) and found.labels[1].support == 0


def test_a_split_without_any_label():
    found = take(labelled(np.zeros((30, 3)), np.full((30, 3), 0.2)), "multilabel").values
    assert {name for name, value in found.items() if math.isnan(value)} == {
        "f1_micro", "f1_macro", "average_precision_macro",
    }  # fmt: skip
    assert found["subset_accuracy"] == 1


def test_a_label_is_given_from_its_threshold_on():
    one = labelled([[1, 0], [0, 1]], [[0.25, 0.75], [0.125, 0.5]], np.array([0.25, 0.6], np.float32))
    assert one.answers.tolist() == [[1, 1], [0, 0]]


@pytest.mark.parametrize("name", sorted(OF_LABELS))
def test_intervals_of_labels_hold_the_true_figure(name, monkeypatch):
    monkeypatch.setattr(intervals, "RESAMPLES", 400)
    rng = np.random.default_rng(2)
    score: Any = SCORES.select(name)
    true = score.measure(drawn(rng, 200_000))
    held = [low <= true <= high for low, high in (score.interval(drawn(rng, 300)) for _ in range(200))]
    assert 0.89 <= np.mean(held) <= 0.99


class TestThresholds:
    @pytest.mark.parametrize("seed", range(8))
    def test_no_threshold_is_better(self, seed):
        rng = np.random.default_rng(seed)
        one = drawn(rng, int(rng.integers(40, 90)), labels=5, ties=seed % 2 == 0)
        found = choose_thresholds(one)
        assert found.dtype == np.float32
        for k in range(5):
            true, outputs = one.labels[:, k], one.probabilities[:, k]

            def f1(threshold, true=true, outputs=outputs):
                given = outputs >= threshold
                return 2 * (given & (true > 0)).sum() / (given.sum() + true.sum())

            ends = [0, *np.unique(outputs)]
            cuts = [0.5 if low < 0.5 <= high else (low + high) / 2 for low, high in itertools.pairwise(ends)]
            best = max(map(f1, cuts))
            nearest = min((cut for cut in cuts if f1(cut) == pytest.approx(best)), key=lambda cut: abs(cut - 0.5))
            if true.sum() >= 10:
                assert (f1(found[k]), found[k]) == (pytest.approx(best), pytest.approx(nearest))

    def test_it_is_between_what_it_separates(self):
        true = [[1]] * 10 + [[0]] * 10
        outputs = [[0.9]] * 9 + [[0.8]] + [[0.6]] * 10
        assert choose_thresholds(labelled(true, outputs)).tolist() == pytest.approx([0.7])
        assert choose_thresholds(labelled(true, np.array(outputs) - 0.25)).tolist() == [0.5]  # separates the same

    def test_it_separates_neighbouring_numbers(self):
        low = np.float32(0.25)
        high = np.nextafter(low, np.float32(1))
        one = labelled([[1]] * 10 + [[0]] * 10, [[high]] * 10 + [[low]] * 10)
        found = LabelPredictions(one.ids, one.labels, one.probabilities, choose_thresholds(one))
        assert found.right.all()

    def test_a_rare_label_gets_that_of_all_labels_together(self):
        rng = np.random.default_rng(3)
        one = drawn(rng, 300, labels=3)
        one.labels[np.flatnonzero(one.labels[:, 0])[9:], 0] = 0
        assert one.labels[:, 0].sum() == 9
        flat = labelled(one.labels.reshape(-1, 1), one.probabilities.reshape(-1, 1))
        assert choose_thresholds(one)[0] == choose_thresholds(flat)[0]
        assert choose_thresholds(one)[2] != choose_thresholds(flat)[0]

    def test_without_any_label_it_is_one_half(self):
        assert choose_thresholds(labelled(np.zeros((20, 2)), np.full((20, 2), 0.9))).tolist() == [0.5, 0.5]

    def test_outputs_that_are_all_zero(self):
        one = labelled(np.ones((20, 1)), np.zeros((20, 1)))
        assert choose_thresholds(one).tolist() == [0.0]


class TestLevels:
    def test_the_answer_is_the_median(self):
        outputs = [[0.4, 0.25, 0.35], [0.5, 0.2, 0.3], [0.1, 0.2, 0.7], [1 / 3] * 3]
        assert levels([0] * 4, outputs).answers.tolist() == [1, 0, 2, 1]

    def test_no_other_answer_is_fewer_steps_away_on_average(self):
        one = ranked(np.random.default_rng(4), 300)
        steps = np.abs(np.arange(5)[:, None] - np.arange(5))
        expected = one.by_class @ steps
        assert expected[np.arange(300), one.answers] == pytest.approx(expected.min(axis=1))
        assert (one.answers != one.by_class.argmax(axis=1)).any()

    def test_equal_shares_of_six_levels_reach_one_half_at_the_third(self):
        assert levels([0], [[np.float32(1 / 6)] * 6]).answers.tolist() == [2]

    def test_levels_are_measured_as_by_scikit_learn(self):
        one = ranked(np.random.default_rng(5))
        given = (one.probabilities.cumsum(axis=1) >= 0.5).argmax(axis=1)
        true = one.labels
        found = take(one, "ordinal")
        assert found.values == pytest.approx(
            {
                "accuracy": metrics.accuracy_score(true, given),
                "balanced_accuracy": metrics.balanced_accuracy_score(true, given),
                "f1_macro": metrics.f1_score(true, given, average="macro"),
                "f1_weighted": metrics.f1_score(true, given, average="weighted"),
                "recall_macro": metrics.recall_score(true, given, average="macro"),
                "log_loss": metrics.log_loss(true, one.distribution),
                "mae_steps": metrics.mean_absolute_error(true, given),
                "quadratic_kappa": metrics.cohen_kappa_score(true, given, weights="quadratic"),
            },
            rel=1e-5,
        )
        assert set(found.values) == OF_LEVELS
        assert all(ends[0] < found.values[name] < ends[1] for name, ends in found.intervals.items())

    def test_a_level_without_examples_does_not_change_the_steps(self):
        given = np.eye(6)[[0, 2, 5, 5]]
        one = levels([0, 2, 3, 5], given)
        found = take(one, "ordinal").values
        assert (found["mae_steps"], math.isnan(found["f1_macro"])) == (0.5, True)
        # Squared steps 4 of 4 x 4 pairs; by chance the mean over all pairs of a true and a given level.
        chance = np.mean([(a - b) ** 2 for a in (0, 2, 3, 5) for b in (0, 2, 5, 5)])
        assert found["quadratic_kappa"] == pytest.approx(1 - (4 / 4) / chance)

    def test_one_level_only_or_one_answer_only(self):
        only = take(levels([1] * 20, np.eye(3)[[1, 2] * 10]), "ordinal").values
        assert math.isnan(only["quadratic_kappa"]) and only["mae_steps"] == 0.5
        assert take(levels([0, 1] * 10, np.eye(3)[[1] * 20]), "ordinal").values["quadratic_kappa"] == 0

    @pytest.mark.parametrize("name", ["mae_steps", "quadratic_kappa"])
    def test_intervals_of_levels_hold_the_true_figure(self, name, monkeypatch):
        monkeypatch.setattr(intervals, "RESAMPLES", 400)
        rng = np.random.default_rng(6)
        score: Any = SCORES.select(name)
        true = score.measure(ranked(rng, 200_000))
        held = [low <= true <= high for low, high in (score.interval(ranked(rng, 100)) for _ in range(200))]
        assert 0.9 <= np.mean(held) <= 0.99

    def test_outputs_that_are_not_probabilities_are_a_misfit(self):
        assert levels([0, 1], [[2.0, -1.0], [0.5, 3.0]]).misfit == "outputs are not probabilities of levels"
        assert levels([0, 1], [[0.5, 0.5], [0.25, 0.75]]).misfit is None
