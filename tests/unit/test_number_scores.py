"""Scores of predicted numbers are those of scikit-learn and of the definitions, and their intervals hold what they say."""

import math
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn import metrics

from deepcli.evaluation import intervals
from deepcli.evaluation.number_predictions import NumberPredictions
from deepcli.evaluation.scores import SCORES, take

OF_NUMBERS = {name for name in SCORES if "regression" in SCORES[name].tasks}


def numbers(targets, values, names=None):
    targets, values = (np.asarray(one, np.float64).reshape(len(targets), -1) for one in (targets, values))
    names = names or tuple(f"y{k}" for k in range(targets.shape[1]))
    return NumberPredictions(np.arange(len(targets)), targets, values.astype(np.float32), names)


def drawn(rng, count=200, targets=1, offset=50.0):
    truth = offset + rng.normal(size=(count, targets)) * 10.0 ** np.arange(targets)
    return numbers(truth, truth + rng.normal(size=truth.shape) * 0.4 * 10.0 ** np.arange(targets))


def scored(predictions):
    return take(predictions, "regression")


def test_one_target_is_measured_in_its_unit():
    one = drawn(np.random.default_rng(0))
    truth, value = one.targets[:, 0], one.values[:, 0].astype(float)
    expected = {
        "mae": metrics.mean_absolute_error(truth, value),
        "rmse": metrics.root_mean_squared_error(truth, value),
        "median_absolute_error": metrics.median_absolute_error(truth, value),
        "r2": metrics.r2_score(truth, value),
        "mape": metrics.mean_absolute_percentage_error(truth, value),
        "spearman": spearmanr(truth, value).statistic,
    }
    assert set(expected) == OF_NUMBERS
    assert scored(one).values == pytest.approx(expected)


def test_several_targets_are_measured_in_standard_deviations():
    several = drawn(np.random.default_rng(1), targets=3, offset=5000.0)
    truth, value = several.targets, several.values.astype(float)
    spread = truth.std(axis=0)

    def mean(measure, scale):
        return np.mean(measure(truth, value, multioutput="raw_values") / scale)

    assert scored(several).values == pytest.approx(
        {
            "mae": mean(metrics.mean_absolute_error, spread),
            "rmse": mean(metrics.root_mean_squared_error, spread),
            "median_absolute_error": mean(metrics.median_absolute_error, spread),
            "r2": metrics.r2_score(truth, value),
            "mape": mean(metrics.mean_absolute_percentage_error, 1),
            "spearman": np.mean([spearmanr(truth[:, k], value[:, k]).statistic for k in range(3)]),
        }
    )


def test_predicting_the_means_of_several_targets_is_one_standard_deviation_off():
    truth = drawn(np.random.default_rng(2), targets=2, offset=100.0).targets
    values = scored(numbers(truth, np.broadcast_to(truth.mean(axis=0), truth.shape))).values
    assert values["rmse"] == pytest.approx(1, rel=1e-5)
    assert (values["r2"], values["spearman"]) == (pytest.approx(0, abs=1e-5), 0)


def test_each_target_has_a_row_in_its_own_unit():
    two = drawn(np.random.default_rng(3), targets=2)
    rows = scored(two).numbers
    assert [row.name for row in rows] == ["y0", "y1"]
    for k, row in enumerate(rows):
        truth, value = two.targets[:, k], two.values[:, k].astype(float)
        assert row.mae == pytest.approx(np.abs(value - truth).mean())
        assert row.rmse == pytest.approx(math.sqrt(((value - truth) ** 2).mean()))
        assert row.bias == pytest.approx((value - truth).mean())
        assert row.standard_deviation == pytest.approx(truth.std())
    assert rows[1].mae > 5 * rows[0].mae


class TestWhatTheSplitCannotTell:
    def test_a_target_that_does_not_vary(self):
        found = scored(numbers([0.1] * 60, np.linspace(0.1, 0.2, 60)))
        undefined = {name for name, value in found.values.items() if math.isnan(value)}
        assert undefined == {"r2", "spearman"}
        assert found.values["mae"] == pytest.approx(0.05)
        assert found.interval_notes["r2"] == "none: undefined on this split; y0 does not vary on this split"

    def test_one_of_several_targets_does_not_vary(self):
        truth = np.column_stack([np.arange(1, 41), np.full(40, 3.0)])
        found = scored(numbers(truth, truth + 0.5))
        assert {name for name, value in found.values.items() if not math.isnan(value)} == {"mape"}
        assert "y1 does not vary" in found.interval_notes["mae"]
        assert found.numbers[0].mae == pytest.approx(0.5) and math.isnan(found.numbers[1].r2)

    @pytest.mark.parametrize(
        ("truth", "why"),
        [
            ([100.0, 120.0, 0.0, 90.0], "near zero"),
            ([100.0, 120.0, 0.9, 90.0], "near zero"),
            ([100.0, -120.0, 80.0, 90.0], "positive and negative"),
        ],
    )
    def test_shares_of_a_target_near_zero(self, truth, why):
        found = scored(numbers(truth, [1.0] * 4))
        assert math.isnan(found.values["mape"])
        assert why in found.interval_notes["mape"]

    @pytest.mark.parametrize("bad", [math.nan, math.inf])
    def test_predictions_that_are_not_finite(self, bad):
        one = drawn(np.random.default_rng(4))
        one.values[7] = bad
        found = scored(one)
        assert all(math.isnan(value) for value in found.values.values())
        assert "not finite" in found.interval_notes["mae"]

    def test_one_example(self):
        found = scored(numbers([3.0], [5.0]))
        assert (found.values["mae"], found.values["rmse"]) == (2, 2)
        assert math.isnan(found.values["r2"])
        assert found.interval_notes["mae"] == "none: 1 example, 50 needed"

    def test_a_model_that_always_predicts_the_same_has_no_order(self):
        found = scored(numbers(np.arange(40.0), np.full(40, 7.0)))
        assert found.values["spearman"] == 0
        assert found.values["r2"] == pytest.approx(1 - ((np.arange(40) - 7) ** 2).mean() / np.arange(40).var())


def test_large_numbers_that_vary_little_keep_their_variance():
    truth = 1e9 + np.arange(100.0)
    predictions = NumberPredictions(np.arange(100), truth[:, None], np.full((100, 1), 1e9, np.float32), ("y",))
    error = truth - float(np.float32(1e9))
    assert scored(predictions).values["r2"] == pytest.approx(1 - (error**2).mean() / np.arange(100).var())


def test_every_score_has_an_interval_that_holds_it():
    for targets in (1, 2):
        found = scored(drawn(np.random.default_rng(5), targets=targets, offset=5000.0))
        missing = {name for name, ends in found.intervals.items() if ends is None}
        assert missing == ({"spearman"} if targets == 2 else set())
        assert all(ends[0] < found.values[name] < ends[1] for name, ends in found.intervals.items() if ends)


@pytest.mark.parametrize("name", sorted(OF_NUMBERS))
def test_intervals_hold_the_true_figure_as_often_as_they_say(name, monkeypatch):
    """In samples of 60 whose errors have heavy tails, as those of real models do."""
    monkeypatch.setattr(intervals, "RESAMPLES", 400)
    rng = np.random.default_rng(6)
    score: Any = SCORES.select(name)

    def sample(count):
        truth = rng.normal(50, 5, count)
        return numbers(truth, truth + rng.standard_t(6, count) * 2)

    true = score.measure(sample(400_000))
    held = [low <= true <= high for low, high in (score.interval(sample(60)) for _ in range(300))]
    assert 0.89 <= np.mean(held) <= 0.99


@pytest.mark.parametrize("count", [41, 40])
def test_the_resampled_median_is_that_of_resamples(count):
    values = np.random.default_rng(7).exponential(size=count)
    low, high = intervals.resampled_median(values)
    drawn = np.median(np.random.default_rng(8).choice(values, (20_000, count)), axis=1)
    places = [np.mean(drawn < end) + np.mean(drawn == end) / 2 for end in (low, high)]
    assert places == pytest.approx([0.025, 0.975], abs=0.03)


@pytest.mark.parametrize("name", sorted(OF_NUMBERS - {"spearman", "mape"}))
def test_the_interval_of_several_targets_is_as_wide_as_the_score_scatters(name):
    rng = np.random.default_rng(9)
    score: Any = SCORES.select(name)
    samples = [drawn(rng, 200, targets=2) for _ in range(150)]
    widths = [np.subtract(*score.interval(one)[::-1]) for one in samples[:6]]
    assert np.mean(widths) == pytest.approx(3.92 * np.std([score.measure(one) for one in samples]), rel=0.3)
