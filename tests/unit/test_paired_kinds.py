"""Pairs of models that predict numbers, labels or levels: differences, tests and verdicts, computed another way."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import ttest_rel

from deepcli.errors import DataError
from deepcli.evaluation import paired as pairing
from deepcli.evaluation.label_predictions import LabelPredictions
from deepcli.evaluation.level_predictions import LevelPredictions
from deepcli.evaluation.number_predictions import NumberPredictions
from deepcli.evaluation.paired import paired
from deepcli.evaluation.predictions import Predictions


def compare_pair(first, second) -> Any:
    return pairing.compare_pair(first, second)


def numbers(truth, values, ids=None):
    names = tuple(f"y{k}" for k in range(truth.shape[1]))
    return NumberPredictions(np.arange(len(truth)) if ids is None else ids, truth, values.astype(np.float32), names)


def two_of_numbers(seed, better=1.0, count=120, targets=1):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(count, targets)) * [10.0**k for k in range(targets)]
    noise = rng.normal(size=(2, *truth.shape)) * [10.0**k for k in range(targets)]
    return numbers(truth, truth + noise[0]), numbers(truth, truth + better * noise[1])


def two_of_labels(seed, better=0.0, count=150):
    rng = np.random.default_rng(seed)
    true = (rng.random((count, 3)) < 0.4).astype(np.uint8)
    outputs = [1 / (1 + np.exp(-rng.normal((2 + more) * (true - 0.5), 1.0))) for more in (0, better)]
    return [LabelPredictions(np.arange(count), true, one.astype(np.float32)) for one in outputs]


class TestNumbers:
    def test_the_difference_is_that_of_a_paired_t_test(self):
        first, second = two_of_numbers(0, 0.7)
        errors = [np.abs(one.values.astype(float) - one.targets)[:, 0] for one in (first, second)]
        test = ttest_rel(errors[1], errors[0])
        found = compare_pair(first, second)
        assert found.mae == pytest.approx(errors[1].mean() - errors[0].mean())
        assert found.p_value == pytest.approx(test.pvalue)
        assert found.mae_interval == pytest.approx(tuple(test.confidence_interval()))
        assert found.rmse == pytest.approx(np.sqrt((errors[1] ** 2).mean()) - np.sqrt((errors[0] ** 2).mean()))
        assert found.rmse_interval[0] < found.rmse < found.rmse_interval[1] < 0
        assert found.closer == ((errors[1] < errors[0]).sum(), (errors[1] > errors[0]).sum())
        assert (found.unit, found.verdict) == ("", "better")
        assert compare_pair(second, first).verdict == "worse"

    def test_equal_models_differ_by_noise_as_often_as_promised(self):
        verdicts = [compare_pair(*two_of_numbers(seed)).verdict for seed in range(200)]
        assert 0.9 <= np.mean([verdict == "within noise" for verdict in verdicts]) <= 0.99

    def test_the_same_predictions(self):
        first, _ = two_of_numbers(1)
        found = compare_pair(first, first)
        assert (found.mae, found.p_value, found.mae_interval, found.rmse_interval) == (0, 1, (0, 0), None)
        assert found.verdict == "within noise"

    def test_several_targets_count_in_standard_deviations(self):
        first, second = two_of_numbers(2, 0.5, targets=2)
        spread = first.targets.std(axis=0)
        each = [(np.abs(one.values.astype(float) - one.targets) / spread).mean(axis=1) for one in (first, second)]
        found = compare_pair(first, second)
        assert (found.unit, found.mae) == ("standard deviations", pytest.approx((each[1] - each[0]).mean()))
        assert any("standard deviations" in line for line in found.lines())

    def test_examples_are_paired_by_their_ids(self):
        first, second = two_of_numbers(3, 0.5)
        order = np.random.default_rng(0).permutation(len(second.ids))
        assert compare_pair(first, second.reordered(order)) == compare_pair(first, second)

    def test_few_examples_decide_nothing(self):
        assert compare_pair(*two_of_numbers(4, 0.001, count=20)).verdict == "too few examples to decide"
        one = two_of_numbers(4, count=1)
        assert compare_pair(*one).p_value == 1

    def test_what_cannot_be_paired(self):
        first, second = two_of_numbers(5)
        with pytest.raises(DataError, match="different examples"):
            compare_pair(first, numbers(second.targets + 1, second.values))
        with pytest.raises(DataError, match="different numbers"):
            compare_pair(first, NumberPredictions(second.ids, second.targets, second.values, ("other",)))
        second.values[0] = np.nan
        with pytest.raises(DataError, match="not finite"):
            compare_pair(first, second)
        with pytest.raises(DataError, match="predicted numbers and predicted labels cannot be paired"):
            compare_pair(first, two_of_labels(0)[0])


class TestLabels:
    def test_the_difference_in_micro_f1(self):
        from sklearn.metrics import f1_score

        first, second = two_of_labels(0, 1.5)
        f1 = [f1_score(one.labels, one.answers, average="micro") for one in (first, second)]
        found = compare_pair(first, second)
        assert found.f1 == pytest.approx(f1[1] - f1[0])
        assert 0 < found.f1_interval[0] < found.f1 < found.f1_interval[1]
        assert found.accuracy == pytest.approx(second.right.mean() - first.right.mean())
        assert (found.verdict, found.p_value) == ("better", pytest.approx(1e-4))
        assert compare_pair(second, first).verdict == "worse"

    def test_equal_models_differ_by_noise_as_often_as_promised(self, monkeypatch):
        monkeypatch.setattr("deepcli.evaluation.paired_labels.SHUFFLES", 399)
        monkeypatch.setattr("deepcli.evaluation.intervals.RESAMPLES", 10)
        verdicts = [compare_pair(*two_of_labels(seed, count=80)).verdict for seed in range(150)]
        assert 0.9 <= np.mean([verdict == "within noise" for verdict in verdicts]) <= 0.99

    def test_the_p_value_is_the_share_of_all_exchanges(self):
        """With eight examples there are 256 of them."""
        import itertools

        from sklearn.metrics import f1_score

        first, second = two_of_labels(3, 0.8, count=8)
        pair = np.stack([first.answers, second.answers])
        apart = []
        for flips in itertools.product([0, 1], repeat=8):
            chosen = pair[np.array(flips), np.arange(8)], pair[1 - np.array(flips), np.arange(8)]
            scores = [f1_score(first.labels, one, average="micro", zero_division=0) for one in chosen]
            apart.append(abs(scores[1] - scores[0]))
        assert compare_pair(first, second).p_value == pytest.approx(
            np.mean(np.array(apart) >= apart[0] - 1e-12), abs=0.02
        )

    def test_the_same_predictions(self):
        first, _ = two_of_labels(1)
        found = compare_pair(first, first)
        assert (found.f1, found.p_value, found.f1_interval, found.verdict) == (0, 1, None, "within noise")


def test_levels_are_compared_in_steps():
    rng = np.random.default_rng(0)
    true = rng.integers(0, 5, 200).astype(np.int32)
    given = [np.clip(true + rng.integers(-1, 2, 200) * by, 0, 4) for by in (2, 1)]
    first, second = (LevelPredictions(np.arange(200), true, np.eye(5, dtype=np.float32)[one]) for one in given)
    steps = [np.abs(one - true) for one in given]
    found = compare_pair(first, second)
    assert (found.unit, found.mae) == ("steps", pytest.approx((steps[1] - steps[0]).mean()))
    assert found.p_value == pytest.approx(ttest_rel(steps[1], steps[0]).pvalue)
    assert found.verdict == "better"


def test_classes_are_compared_as_ever():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 100).astype(np.int32)
    first, second = (
        Predictions(np.arange(100), labels, rng.dirichlet([1, 1, 1], 100).astype(np.float32)) for _ in range(2)
    )
    found = compare_pair(first, second)
    assert found == paired(first, second)
    right = [one.probabilities.argmax(axis=1) == labels for one in (first, second)]
    counts = (int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum()))
    assert f"correct where the other is wrong: {counts[1]} against {counts[0]}" in found.lines()
