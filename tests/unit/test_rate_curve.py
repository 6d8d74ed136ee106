"""The curve of a range test: smoothing, divergence, what is read off it, and when there is no clear proposal."""

import json
import math

import numpy as np
import pytest

from deepcli.api.loading import load
from deepcli.doctor.finding.rate_curve import (
    DivergenceWatch,
    RateReading,
    capped,
    moving_average,
    read_curve,
    smoothed,
)
from deepcli.doctor.finding.rate_search import doubt, judge

RATES = np.geomspace(1e-7, 10, 100)


def valley(falls=1e-3, grows=0.3, depth=2.0, sharp=3.0):
    """A loss of 2.3 that falls around one rate by `depth` and grows around another one."""
    places = np.log10(RATES)
    fall = 1 / (1 + np.exp(-sharp * (places - math.log10(falls))))
    growth = np.exp(2 * sharp * (places - math.log10(grows)))
    return 2.3 - depth * fall + growth


def noisy(losses, seed=0, size=0.05):
    return losses + np.random.RandomState(seed).normal(0, size, len(losses))


def test_the_beginning_of_the_average_has_no_bias():
    assert moving_average(np.full(50, 2.5)) == pytest.approx(np.full(50, 2.5))
    # By hand: (0.9 * 0.1 * 1 + 0.1 * 3) / (1 - 0.81).
    assert moving_average(np.array([1.0, 3.0]), 0.9) == pytest.approx([1.0, (0.09 + 0.3) / 0.19])


def test_smoothing_shifts_nothing_and_has_no_bias_at_the_ends():
    assert smoothed(np.full(40, 1.7)) == pytest.approx(np.full(40, 1.7))
    bump = np.exp(-0.5 * ((np.arange(101) - 50) / 8.0) ** 2)
    assert smoothed(bump).argmax() == 50
    # A normal curve smoothed by a normal kernel is one whose variances add up.
    assert smoothed(bump)[50] == pytest.approx(8 / math.hypot(8, 0.03 * 101), rel=1e-3)


@pytest.mark.parametrize(
    ("losses", "diverged"),
    [
        ([2.3, 2.2, math.nan], True),
        ([2.3, 2.2, math.inf], True),
        ([2.3] * 20 + [1.0] * 30 + [90.0], True),
        ([2.3] * 20 + [1.0] * 30 + [3.5] * 3, False),
        ([2.3] * 20 + [0.001] * 80 + [0.1] * 5, False),  # many times its best, and still nearly as good
        ([-1.0] * 20 + [-3.0] * 40 + [-2.5] * 20, False),
        ([-1.0] * 20 + [-3.0] * 40 + [50.0] * 20, True),
        ([5.0], False),
    ],
)
def test_divergence(losses, diverged):
    watch = DivergenceWatch()
    assert [watch.has_diverged(loss) for loss in losses][-1] is diverged
    assert not any(map(DivergenceWatch().has_diverged, losses[:-1])) or losses[-2] == losses[-1]


def test_a_curve_is_read_at_its_steepest_and_lowest_point():
    losses = noisy(valley())
    reading = read_curve(RATES, losses, 0.05)
    dense = np.geomspace(1e-7, 10, 100_000)
    exact = np.interp(np.log(dense), np.log(RATES), valley())
    assert reading.lowest == pytest.approx(dense[exact.argmin()], rel=0.7)
    assert reading.steepest == pytest.approx(1e-3, rel=0.7)
    assert reading.fell and not reading.ended
    assert reading.steepest < reading.proposal < reading.lowest


def test_noise_before_the_fall_is_not_taken_for_the_fall():
    for seed in range(20):
        reading = read_curve(RATES, noisy(valley(depth=1.0), seed, 0.3), 0.3)
        assert 1e-5 < reading.steepest < 0.2, seed


@pytest.mark.parametrize("seed", range(20))
def test_a_loss_that_only_varies_has_not_fallen(seed):
    assert not read_curve(RATES, noisy(np.full(100, 2.3), seed), 0.05).fell


def test_a_loss_that_falls_to_the_end_proposes_nothing():
    reading = read_curve(RATES, noisy(valley(falls=0.5, grows=1e4)), 0.05)
    assert reading.ended and reading.proposal is None


def test_what_follows_divergence_is_as_high_as_the_fall_was_deep():
    losses = np.array([2.0] * 40 + [1.0] * 40 + [1e30, math.nan])
    whole = capped(losses, 100)
    assert len(whole) == 100 and np.isfinite(whole).all()
    assert whole[:80] == pytest.approx(losses[:80])
    assert whole[80:].max() == whole[80:].min() == pytest.approx(3.0, abs=0.05)


def found(*curves, rates=RATES, **spec):
    experiment = load({"data": "digits", "model": "mlp"}, *(f"{key}={value}" for key, value in spec.items()))
    losses = {seed: np.concatenate([[2.3], curve]) for seed, curve in enumerate(curves)}
    return judge(experiment, "mlp on digits", rates, losses, 1.0)


def test_seeds_that_agree_propose_a_rate_and_the_override():
    report = found(*(noisy(valley(), seed) for seed in range(3)))
    assert report.unclear == "" and 1e-3 < report.proposal < 0.1
    assert report.override == f"optimizer.learning_rate={report.proposal:.2g}"
    assert [one.seed for one in report.curves] == [0, 1, 2]
    assert report.proposal == pytest.approx(math.prod(one.proposal for one in report.curves) ** (1 / 3))
    assert report.proposal == pytest.approx(math.sqrt(report.steepest * report.lowest))
    assert all(report.proposal / 3 < one.proposal < 3 * report.proposal for one in report.curves)


def test_seeds_that_differ_by_more_than_ten_propose_nothing():
    report = found(*(noisy(valley(falls, 100 * falls), size=0.02) for falls in (1e-5, 1e-4, 1e-3)))
    assert report.proposal is report.override is None
    assert "times apart" in report.unclear and "--steps" in report.unclear
    assert "no clear proposal" in repr(report)


def test_a_loss_that_never_fell_is_reported():
    report = found(*(noisy(np.full(100, 2.3), seed) for seed in range(3)))
    assert report.proposal is report.steepest is report.lowest is None and "never fell" in report.unclear


def test_most_seeds_must_have_fallen():
    reading, flat = RateReading(1e-3, 1e-1, fell=True, ended=False), RateReading(1, 1, fell=False, ended=False)
    assert doubt(reading, [reading, reading], 10.0) == doubt(reading, [reading, reading, flat], 10.0) == ""
    assert "1 of 2 seeds never fell" in doubt(reading, [reading, flat], 10.0)
    assert "2 of 3 seeds never fell" in doubt(reading, [flat, reading, flat], 10.0)


def test_a_seed_without_a_proposal_is_named():
    report = found(noisy(valley()), noisy(valley(), 1), np.full(100, 2.3))
    assert report.curves[2].proposal is None and "none with seed 2" in " ".join(" ".join(report.summary()).split())


@pytest.mark.parametrize(("rate", "said"), [(30, "times over the proposal"), (1e-6, "times under the proposal")])
def test_the_spec_s_own_rate_is_compared(rate, said):
    report = found(noisy(valley()), **{"optimizer.learning_rate": rate})
    factor = max(rate / report.proposal, report.proposal / rate)
    told = " ".join(" ".join(report.summary()).split())
    assert f"the spec's {rate:.2g} is {float(f'{factor:.2g}'):,g} {said}" in told
    assert f"the loss grew from {report.lowest:.2g} on" in told
    assert "thin evidence" in report.summary()[0]


def test_lines_fit_a_terminal_and_the_object_is_json():
    diverged = np.concatenate([noisy(valley())[:90], [math.inf]])
    report = found(noisy(valley()), diverged)
    assert all(len(line) <= 80 for line in repr(report).splitlines())
    told = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert told["curves"][1]["losses"][-1] is None and len(told["curves"][1]["losses"]) == 91
    assert told["override"] == report.override
