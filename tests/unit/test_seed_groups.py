"""Two specs over seeds: intervals, verdicts and the seeds that it takes, computed another way."""

import numpy as np
import pytest
from scipy import stats

from deepcli.errors import DataError
from deepcli.evaluation.number_predictions import NumberPredictions
from deepcli.evaluation.predictions import Predictions
from deepcli.evaluation.seed_groups import between_groups, over_examples, seeds_needed, shared_seeds


def scores(seed, mean, spread, seeds):
    drawn = np.random.default_rng(seed).normal(mean, spread, len(seeds))
    return dict(zip(seeds, map(float, drawn), strict=True))


class TestOverSeeds:
    def test_equal_seeds_are_a_paired_t_test(self):
        first, second = scores(0, 0.9, 0.01, range(6)), scores(1, 0.92, 0.01, range(6))
        backwards = dict(sorted(second.items(), reverse=True))
        test = stats.ttest_rel(list(second.values()), list(first.values()))
        found = between_groups(first, backwards, "max")
        assert found.p_value == pytest.approx(test.pvalue) and found.p_value < 0.05
        assert found.interval == pytest.approx(tuple(test.confidence_interval()))
        assert (found.method, found.seeds, found.verdict, found.few) == ("paired", tuple(range(6)), "better", False)
        assert between_groups(first, second, "min").verdict == "worse"
        assert between_groups(second, first, "max").verdict == "worse"

    def test_other_seeds_are_welchs_test_over_all_runs(self):
        first, second = scores(0, 0.9, 0.01, range(6)), scores(1, 0.95, 0.03, range(10, 14))
        test = stats.ttest_ind(list(second.values()), list(first.values()), equal_var=False)
        found = between_groups(first, second, "max")
        assert found.p_value == pytest.approx(test.pvalue)
        assert found.interval == pytest.approx(tuple(test.confidence_interval()))
        assert (found.method, found.seeds, found.few) == ("welch", (), True)

    @pytest.mark.parametrize(
        ("first", "second", "shared"),
        [
            (range(5), range(5), [0, 1, 2, 3, 4]),
            (range(5), range(1, 3), [1, 2]),
            (range(10), range(8, 12), [8, 9]),
            (range(10), range(8, 13), []),  # pairs would leave out most runs
            (range(3), range(2, 4), []),  # a single pair has no spread
        ],
    )
    def test_pairs_are_used_where_they_keep_half_of_the_smaller_group(self, first, second, shared):
        assert shared_seeds(dict.fromkeys(first), dict.fromkeys(second)) == shared

    def test_pairs_leave_out_the_seeds_that_only_one_group_has(self):
        first, second = {0: 0.5, 1: 0.6, 2: 0.9}, {0: 0.7, 1: 0.9}
        assert between_groups(first, second, "max").difference == pytest.approx(0.25)

    @pytest.mark.parametrize("second", [{0: 0.9}, {7: 0.9}])
    def test_one_seed_decides_nothing(self, second):
        found = between_groups({0: 0.1, 1: 0.2, 2: 0.15}, second, "max")
        assert (found.verdict, found.interval, found.p_value, found.seeds_needed) == (
            "one seed cannot decide", None, None, None,
        )  # fmt: skip

    @pytest.mark.parametrize("apart", [0.0, 0.1])
    def test_equal_differences_have_no_spread_to_be_tested_against(self, apart):
        first = {0: 0.1, 1: 0.2, 2: 0.7}
        found = between_groups(first, {seed: value + apart for seed, value in first.items()}, "max")
        assert found.difference == pytest.approx(apart)
        assert (found.p_value, found.interval) == (None, None) and "no spread" in found.verdict

    def test_equal_specs_differ_as_often_as_promised(self):
        for shift in (0, 100):
            found = [
                between_groups(
                    scores(k, 0, 1, range(4)), scores(k + 9999, 0, 1, range(shift, shift + 4)), "max"
                ).verdict
                for k in range(600)
            ]
            assert 0.02 <= 1 - found.count("within noise") / 600 <= 0.075


class TestSeedsNeeded:
    def test_the_numbers_of_textbooks(self):
        """Cohen (1988): half a standard deviation takes 34 pairs, or 64 in each of two groups."""
        assert seeds_needed(0.5, [1.0]) == 34
        assert seeds_needed(-0.5, [1.0, 1.0]) == 64

    @pytest.mark.parametrize(
        ("effect", "variances"), [(1.2, [1.0]), (1.0, [1.0, 1.0]), (0.2, [0.01]), (1.5, [0.5, 1.5])]
    )
    def test_so_many_find_the_difference_in_four_of_five_simulations(self, effect, variances):
        count, rng, trials = seeds_needed(effect, variances), np.random.default_rng(0), 20_000

        def power(seeds):
            first = rng.normal(0, np.sqrt(variances[0]), (trials, seeds))
            if len(variances) == 1:
                found = stats.ttest_1samp(first + effect, 0, axis=1)
            else:
                second = rng.normal(effect, np.sqrt(variances[1]), (trials, seeds))
                found = stats.ttest_ind(second, first, axis=1)
            return (found.pvalue < 0.05).mean()

        assert power(count) > 0.79
        assert count == 2 or power(count - 1) < 0.81

    def test_absurd_figures_are_none(self):
        assert seeds_needed(0.05, [1.0]) is None and seeds_needed(0.0, [1.0]) is None
        assert seeds_needed(1e9, [1.0]) == 2


def models(seed, rates, count=400):
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 4
    made = []
    for rate in rates:
        said = np.where(rng.random(count) < rate, labels, (labels + 1) % 4)
        made.append(Predictions(np.arange(count), labels, np.eye(4, dtype=np.float32)[said] * 0.7 + 0.075))
    return made


class TestOverExamples:
    def test_of_accuracy_it_is_the_normal_interval_of_the_mean_difference(self):
        first, second = models(0, [0.8, 0.82, 0.79]), models(1, [0.9, 0.88])
        right = [np.mean([one.answers == one.labels for one in group], axis=0) for group in (first, second)]
        apart = right[1] - right[0]
        reach = 1.96 * apart.std(ddof=1) / np.sqrt(len(apart))
        found = over_examples(first, second, "accuracy")
        assert found == pytest.approx((apart.mean() - reach, apart.mean() + reach), abs=0.004)

    def test_of_another_score_it_is_a_jackknife(self):
        first, second = models(0, [0.8]), models(1, [0.9])
        low, high = over_examples(first, second, "f1_macro")
        assert (low, high) == pytest.approx(over_examples(first, second, "accuracy"), abs=0.015)
        assert 0 < low < high

    def test_of_errors(self):
        rng = np.random.default_rng(0)
        truth = rng.normal(size=(300, 1))
        one, two = (
            NumberPredictions(np.arange(300), truth, (truth + rng.normal(0, s, truth.shape)).astype("f4"), ("y",))
            for s in (1.0, 0.5)
        )
        squares = [np.square(each.values - truth).ravel() for each in (one, two)]
        roots = [np.sqrt(each.mean()) for each in squares]
        # The delta method: how much each example adds to each root.
        apart = squares[1] / (2 * roots[1]) - squares[0] / (2 * roots[0])
        middle, reach = roots[1] - roots[0], 1.97 * apart.std(ddof=1) / np.sqrt(300)
        assert over_examples([one], [two], "rmse") == pytest.approx((middle - reach, middle + reach), abs=0.02)

    def test_the_order_of_examples_does_not_matter_and_other_examples_are_refused(self):
        (first,), (second,) = models(0, [0.8]), models(1, [0.9])
        order = np.random.default_rng(2).permutation(400)
        assert over_examples([first], [second.reordered(order)], "accuracy") == over_examples(
            [first], [second], "accuracy"
        )
        with pytest.raises(DataError):
            over_examples([first], models(1, [0.9], 200), "accuracy")
        assert over_examples([first], [first], "accuracy") is None
