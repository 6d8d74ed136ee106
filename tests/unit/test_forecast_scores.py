"""Scores of forecasts, against figures computed by hand; blocks, pairs, naive forecasts and ridge regression."""

import math
from typing import Any

import numpy as np
import pytest

from deepcli.data.arrays.series_windows import SeriesWindows
from deepcli.data.arrays.splits import Split
from deepcli.data.schema import Column, SeriesFacts, Target
from deepcli.data.signature import Signature
from deepcli.errors import DataError
from deepcli.evaluation.forecast_predictions import ForecastPredictions
from deepcli.evaluation.naive_forecasts import fit_window_ridge, naive_forecasts
from deepcli.evaluation.paired import compare_pair
from deepcli.evaluation.predictions_file import load_predictions
from deepcli.evaluation.scores import take


def predictions(targets, values, levels=(), scales=(2.0,), seasonal=4.0, names=("load",)):
    targets = np.asarray(targets, np.float32)
    values = np.asarray(values, np.float32)
    count = len(targets)
    return ForecastPredictions(
        np.arange(count),
        targets,
        values if values.ndim == 4 else values[..., None],
        np.array(levels),
        np.array(scales),
        np.full((count, len(names)), float(seasonal)),
        np.arange(count, dtype=float),
        names,
        "number",
    )


def two():
    """Two origins, three steps: errors of 1, 2, 3 and of 0, 4, 2."""
    return predictions([[[1], [2], [4]], [[10], [6], [8]]], [[[2], [4], [1]], [[10], [10], [6]]])


def test_scores_of_one_target_are_in_its_unit():
    scored = take(two(), "forecasting")
    assert scored.values["mae"] == pytest.approx(2.0)
    assert scored.values["rmse"] == pytest.approx(math.sqrt((1 + 4 + 9 + 0 + 16 + 4) / 6))
    assert scored.values["mase"] == pytest.approx(2.0 / 4)
    assert scored.values["standardized_mse"] == pytest.approx(34 / 6 / 4)
    assert scored.values["standardized_mae"] == pytest.approx(1.0)
    assert scored.values["smape"] == pytest.approx(2 / 6 * (1 / 3 + 2 / 6 + 3 / 5 + 0 + 4 / 16 + 2 / 14))
    assert scored.interval_notes["mae"] == "none: 2 origins, 60 needed"
    assert [step.mae for step in scored.steps] == [0.5, 3.0, 2.5]
    assert scored.steps[1].rmse == pytest.approx(math.sqrt(10))
    assert not scored.quantiles and scored.numbers[0].bias == pytest.approx((1 + 2 - 3 + 0 + 4 - 2) / 6)


def test_scores_of_several_targets_are_in_standard_deviations_of_training():
    found = predictions([[[0, 0]]], [[[3, 10]]], scales=(1.0, 10.0), names=("a", "b"))
    values = take(found, "forecasting").values
    assert values["mae"] == values["standardized_mae"] == pytest.approx(2.0)
    assert values["rmse"] == pytest.approx(math.sqrt(5.0)) and values["standardized_mse"] == pytest.approx(5.0)


def test_mase_is_undefined_where_training_has_no_seasonal_differences():
    scored = take(predictions([[[1]]], [[[2]]], seasonal=0.0), "forecasting")
    assert math.isnan(scored.values["mase"]) and "undefined for load" in scored.interval_notes["mase"]
    assert scored.steps[0].mase is None


def test_quantiles_have_coverage_and_pinball_loss():
    found = predictions([[[0]], [[10]]], [[[[-1, 1, 5]]], [[[4, 8, 9]]]], levels=(0.1, 0.5, 0.9), scales=(1.0,))
    low, middle, high = take(found, "forecasting").quantiles
    assert [one.coverage for one in (low, middle, high)] == [0.0, 0.5, 0.5]
    assert low.pinball == pytest.approx((0.1 * 1 + 0.1 * 6) / 2)
    assert middle.pinball == pytest.approx((0.5 * 1 + 0.5 * 2) / 2)
    assert high.pinball == pytest.approx((0.1 * 5 + 0.9 * 1) / 2)
    assert take(found, "forecasting").values["mae"] == pytest.approx(1.5)


def noisy(spread, seed=0, origins=200):
    rng = np.random.RandomState(seed)
    truth = np.sin(np.arange(origins + 4) / 3)[np.arange(origins)[:, None] + np.arange(4)][..., None]
    return predictions(truth, truth + spread * rng.normal(size=truth.shape))


def test_intervals_count_blocks_and_hold_the_mean():
    scored = take(noisy(0.5), "forecasting")
    for name in ("mae", "rmse", "mase", "standardized_mse"):
        low, high = scored.intervals[name]
        assert low < scored.values[name] < high
        assert scored.interval_notes[name] == "Student's t over blocks of consecutive origins"


def test_the_better_of_two_models_is_found_and_another_horizon_is_not_comparable(tmp_path):
    found: Any = compare_pair(noisy(1.0), noisy(0.2, 1))
    assert found.verdict == "better" and found.blocks == 50
    each = (
        np.abs(noisy(0.2, 1).middle - noisy(0.2, 1).targets).mean()
        - np.abs(noisy(1.0).middle - noisy(1.0).targets).mean()
    )
    assert found.mae == pytest.approx(each)
    assert compare_pair(two(), two()).verdict == "too few origins to decide"
    with pytest.raises(DataError, match="different targets or horizons"):
        compare_pair(two(), noisy(1.0))


def test_a_file_of_forecasts_is_read_again(tmp_path):
    two().save(tmp_path / "a.npz")
    again = load_predictions(tmp_path / "a.npz")
    assert type(again) is ForecastPredictions and again.names == ("load",) and again.written == "number"
    assert np.array_equal(again.values, two().values)


def waves(count=300, season=6, window=12, horizon=4):
    steps = np.arange(count)
    values = np.stack([np.sin(2 * np.pi * steps / season) + 0.01 * steps, steps % 2], axis=1).astype(np.float32)
    begins = np.arange(count - window - horizon, dtype=np.int64)
    windows = SeriesWindows(values, begins, window, horizon, 1, steps.astype(float), np.ones((count, 1)))
    columns = tuple(Column(name=name, type="number", mean=0.5, scale=2.0) for name in "ab")
    target = Target(kind="series", names=("a",), columns=("a",), means=(0.5,), scales=(2.0,))
    facts = SeriesFacts(horizon=horizon, season=season, seasonal_errors=((1.0,),))
    return Signature("series", (window, 2), 0, count, target=target, columns=columns, series=facts), Split.of_series(
        windows
    )


def test_naive_forecasts_repeat_the_last_value_the_last_season_and_the_drift():
    signature, split = waves()
    found = naive_forecasts(signature, split)
    last = split.x[:, -1, 0]
    assert np.array_equal(found["naive"][:, :, 0], np.repeat(last[:, None], 4, axis=1))
    assert np.abs(found["seasonal_naive"] - (split.y - 0.06)).max() < 1e-5
    drift = (last - split.x[:, 0, 0]) / 11
    np.testing.assert_allclose(found["drift"][:, 2, 0], last + 3 * drift, rtol=1e-5, atol=1e-6)


def test_ridge_on_the_window_learns_what_is_linear_and_agrees_with_scikit_learn():
    from sklearn.linear_model import Ridge

    signature, split = waves()
    model, notes = fit_window_ridge(signature, split, None)
    assert np.abs(model(split.x) - split.y).max() < 0.05 and "the last fifth" in notes[0]
    model.solve(0.1)
    features = np.concatenate([split.x[:, :, 0], split.x[:, :, 1]], axis=1).astype(np.float64)
    other = Ridge(alpha=0.1 * len(split)).fit((features - 0.5) / 2, (split.y[:, :, 0] - 0.5) / 2)
    np.testing.assert_allclose(model(split.x)[:, :, 0], other.predict((features - 0.5) / 2) * 2 + 0.5, atol=1e-4)


def test_the_pinball_loss_and_the_metrics_of_forecasts_are_those_of_the_scores():
    import keras

    from deepcli.nn.forecast_losses import ForecastError, PinballLoss

    found = predictions([[[0]], [[10]]], [[[[-1, 1, 5]]], [[[4, 8, 9]]]], levels=(0.1, 0.5, 0.9), scales=(2.0,))
    loss = PinballLoss((0.1, 0.5, 0.9), (2.0,))
    expected = float(found.pinball.mean())
    assert float(loss(found.targets, found.values)) == pytest.approx(expected)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert float(again(found.targets, found.values)) == pytest.approx(expected)
    metrics: dict[str, Any] = {"mae": ForecastError("absolute", (1.0,), 1), "rmse": ForecastError("squared", (1.0,), 1)}
    for score, metric in metrics.items():
        metric.update_state(found.targets, found.values)
        assert float(metric.result()) == pytest.approx(take(found, "forecasting").values[score])
