"""Intervals hold the true figure as often as they say, and where they could not, there is none."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import beta, binom, multinomial

from deepcli.evaluation import intervals
from deepcli.evaluation.predictions import Predictions, sides
from deepcli.evaluation.scores import SCORES, take

SHARES = [*np.linspace(0.5, 0.999, 60), 0.9925, 0.9975, 0.9985]
BOOTSTRAPPED = ("f1_macro", "f1_weighted", "precision_macro", "precision_weighted", "recall_macro", "mcc")


def said(labels, probabilities):
    return Predictions(np.arange(len(labels)), np.asarray(labels, np.int32), np.asarray(probabilities, np.float32))


def answered(labels, answers, classes):
    return said(labels, np.full((len(labels), classes), 0.1) + 0.5 * np.eye(classes)[answers])


def coverage(ends, count, share):
    """Sum the probability of every count of right answers whose interval holds the true share."""
    low, high = ends
    return binom.pmf(np.arange(count + 1), count, share)[(low <= share) & (share <= high)].sum()


@pytest.mark.parametrize("count", [20, 35, 50, 100, 360, 1000, 2500, 10_000])
def test_the_interval_of_an_accuracy_holds_it_as_often_as_it_says(count):
    # Of the shares above 0.5 nothing falls below a third.
    first = count // 3
    ends = np.array([intervals.clopper_pearson(k, count) for k in range(first, count + 1)]).T
    low, high = np.hstack([np.zeros((2, first)) - 1, ends])
    assert min(coverage((low, high), count, share) for share in SHARES) >= 0.94


@pytest.mark.parametrize(
    ("right", "count", "ends"),
    [(360, 360, (0.025 ** (1 / 360), 1)), (0, 20, (0, 1 - 0.025 ** (1 / 20))), (356, 360, (0.971797, 0.996965))],
)
def test_exact_ends(right, count, ends):
    labels = np.arange(count) % 2
    scored = take(answered(labels, np.where(np.arange(count) < right, labels, 1 - labels), 2))
    for name in ("accuracy", "recall_weighted"):
        assert scored.intervals[name] == pytest.approx(ends, abs=1e-6)
        assert scored.interval_notes[name] == "exact (Clopper-Pearson)"
    low, high = scored.intervals["accuracy"]
    if 0 < right < count:  # each end leaves 2.5 % beyond it
        assert binom.sf(right - 1, count, low) == pytest.approx(0.025)
        assert binom.cdf(right, count, high) == pytest.approx(0.025)


class TestWhereThereIsNone:
    def test_a_model_that_is_always_right(self):
        labels = np.arange(360) % 10
        scored = take(said(labels, np.eye(10)[labels]))
        assert scored.intervals["accuracy"] == pytest.approx((0.98981, 1), abs=1e-5)
        for name in set(scored.values) - {"accuracy", "recall_weighted", "ece"}:
            assert scored.intervals[name] is None, name
            assert scored.interval_notes[name] == "none: 0 wrong answers, 10 needed"

    def test_a_class_with_few_examples(self):
        rng = np.random.default_rng(0)
        labels = np.r_[np.arange(300) % 2, [2] * 9]
        answers = np.where(rng.random(309) < 0.8, labels, rng.integers(0, 3, 309))
        scored = take(answered(labels, answers, 3))
        for name in ("f1_macro", "precision_macro", "recall_macro", "roc_auc", "pr_auc"):
            assert scored.intervals[name] is None
            assert scored.interval_notes[name] == "none: 9 examples of class 2, 10 needed"
        assert scored.intervals["f1_weighted"] is not None

    def test_outputs_that_are_always_the_same(self):
        scored = take(said(np.arange(100) % 2, np.full((100, 1), 0.5)))
        assert (scored.values["roc_auc"], scored.values["mcc"]) == (0.5, 0)
        assert scored.intervals["roc_auc"] is None and scored.intervals["mcc"] is None
        assert "perfectly, or not at all" in scored.interval_notes["roc_auc"]
        assert scored.interval_notes["mcc"] == "none: all resamples give the same value"

    def test_a_figure_that_is_not_defined(self):
        scored = take(said([0] * 30, np.full((30, 2), 2.0)))
        assert scored.interval_notes["log_loss"] == scored.interval_notes["mcc"] == "none: undefined on this split"

    def test_the_calibration_error(self):
        scored = take(said(np.arange(100) % 2, np.random.default_rng(0).random((100, 1))))
        assert scored.intervals["ece"] is None and "bias" in scored.interval_notes["ece"]


def drawn(count, classes, rng):
    labels = rng.integers(0, classes, count)
    outputs = np.exp(rng.normal(2 * np.eye(classes)[labels], 1.0))
    return said(labels, outputs / outputs.sum(1, keepdims=True))


def test_every_figure_of_counts_is_that_of_scikit_learn():
    predictions = drawn(300, 4, np.random.default_rng(0))
    for name in BOOTSTRAPPED:
        score: Any = SCORES.select(name)
        counts = predictions.confusion[None].astype(float)
        figures = score._of(counts) if name == "mcc" else score._of(*sides(counts))
        assert figures == pytest.approx([score.measure(predictions)])


@pytest.mark.parametrize("classes", [2, 4])
def test_every_mean_over_examples_is_that_of_scikit_learn(classes):
    predictions = drawn(300, classes, np.random.default_rng(0))
    for name in ("log_loss", "brier"):
        score: Any = SCORES.select(name)
        each = score._of(predictions.distribution, predictions.labels)
        assert each.mean() == pytest.approx(score.measure(predictions))


@pytest.mark.parametrize("name", [*BOOTSTRAPPED, "log_loss", "brier", "roc_auc", "pr_auc"])
def test_an_interval_is_as_wide_as_figures_scatter(name):
    """Over samples of 300, two standard deviations to either side of what is measured are about what an interval spans."""
    rng, score = np.random.default_rng(1), SCORES.select(name)
    samples = [drawn(300, 3, rng) for _ in range(60)]
    spread = np.std([score.measure(one) for one in samples])
    widths = [np.subtract(*score.interval(one)[::-1]) for one in samples[:12]]
    assert np.mean(widths) == pytest.approx(3.92 * spread, rel=0.3)


@pytest.mark.parametrize("name", ["roc_auc", "pr_auc"])
def test_the_interval_of_an_area_holds_it_as_often_as_it_says(name):
    rng = np.random.default_rng(2)
    score: Any = SCORES.select(name)

    def sample(count):
        labels = (rng.random(count) < 0.3).astype(np.int32)
        return said(labels, 1 / (1 + np.exp(-rng.normal(1.5 * labels - 1, 1.0)))[:, None])

    true = score.measure(sample(1_000_000))
    held = [low <= true <= high for low, high in (score.interval(sample(200)) for _ in range(400))]
    assert 0.92 <= np.mean(held) <= 0.98


def test_the_error_of_an_area_is_its_change_when_an_example_is_left_out():
    predictions = drawn(60, 2, np.random.default_rng(3))
    rounded = said(predictions.labels, np.round(predictions.probabilities, 1))  # with ties
    for name in ("roc_auc", "pr_auc"):
        score: Any = SCORES.select(name)
        changes = []
        for left_out in range(60):
            kept = np.delete(np.arange(60), left_out)
            changes.append(
                score.measure(rounded) - score.measure(said(rounded.labels[kept], rounded.probabilities[kept]))
            )
        assert score._influence(rounded, 1) == pytest.approx(np.array(changes), rel=0.1, abs=1e-3)


@pytest.mark.parametrize(("only_first", "only_second"), [(0.01, 0.01), (0, 0.02), (0.01, 0.05), (0.1, 0.2)])
def test_the_interval_of_a_difference_holds_it_as_often_as_it_says(only_first, only_second):
    count, held = 100, 0.0
    shares = [only_first, only_second, 1 - only_first - only_second]
    for first in range(40):
        for second in range(60):
            low, high = intervals.difference(first, second, count)
            if low <= only_second - only_first + 1e-12 and only_second - only_first <= high + 1e-12:
                held += multinomial.pmf([first, second, count - first - second], count, shares)
    assert held >= 0.94


def test_the_interval_of_a_difference_says_what_mcnemar_s_exact_test_says():
    for first in range(25):
        for second in range(25):
            low, high = intervals.difference(first, second, 360)
            p = min(1, 2 * binom.cdf(min(first, second), first + second, 0.5))
            assert (low > 0 or high < 0) == (p < 0.05), (first, second)
            assert low <= (second - first) / 360 <= high
            assert intervals.difference(second, first, 360) == pytest.approx((-high, -low))


def test_a_difference_that_may_be_none_reaches_as_far_as_both_exact_intervals():
    low, _ = intervals.difference(2, 9, 360)
    assert low == pytest.approx(beta.ppf(0.975, 12, 349) * (2 * beta.ppf(0.025, 9, 3) - 1))
