"""What a sweep says of its parameters holds, or it says why it cannot be known."""

import math

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution

from deepcli.sweeps.study.importances import FEWEST, importances

DISTRIBUTIONS = {
    "rate": FloatDistribution(1e-4, 1e-1, log=True),
    "dropout": FloatDistribution(0.0, 0.6),
    "units": CategoricalDistribution([8, 16]),
}


def study_of(count, seed=0, rate=None, dropout=None, value=None):
    """A sweep in which the rate alone decides, but for a little noise; some parameters may be fixed."""
    rng = np.random.default_rng(seed)
    study = optuna.create_study(direction="maximize")
    for _ in range(count):
        params = {
            "rate": rate or float(10 ** rng.uniform(-4, -1)),
            "dropout": float(rng.uniform(0, 0.6)) if dropout is None else dropout,
            "units": 8,
        }
        measured = -0.05 * (math.log10(params["rate"]) + 2.5) ** 2 + rng.normal(0, 0.005)
        measured = measured if value is None else value
        study.add_trial(optuna.create_trial(params=params, distributions=DISTRIBUTIONS, value=measured))
    return study


def test_what_decides_comes_first_and_what_never_varied_is_left_out():
    for seed in range(8):
        found = importances(study_of(FEWEST + 10, seed))
        assert list(found.shares) == ["rate", "dropout"] and found.shares["rate"] > 0.5
        assert sum(found.shares.values()) == pytest.approx(1)
        assert found.note == "left out, never varied: units"


@pytest.mark.parametrize("count", [0, 1, 4, FEWEST - 1])
def test_few_trials_say_nothing(count):
    found = importances(study_of(count))
    assert (found.shares, found.note) == ({}, f"{count} different completed trials, 30 needed")


def test_the_same_point_again_is_no_further_trial():
    study = study_of(20)
    for trial in study.trials:
        study.add_trial(trial)
    assert importances(study).note == "20 different completed trials, 30 needed"


def test_trials_that_were_pruned_or_failed_do_not_count():
    study = study_of(20)
    for trial in study_of(20, seed=1).trials:
        study.add_trial(
            optuna.create_trial(
                params=trial.params,
                distributions=DISTRIBUTIONS,
                value=trial.value,
                intermediate_values={1: trial.value},
                state=optuna.trial.TrialState.PRUNED,
            )
        )
    assert importances(study).note == "20 different completed trials, 30 needed"


def test_a_single_parameter_has_nothing_to_share_with():
    found = importances(study_of(40, dropout=0.5))
    assert (found.shares, found.note) == ({}, "1 parameter varied, at least 2 needed")


def test_trials_that_are_equally_good_say_nothing():
    found = importances(study_of(40, value=0.9))
    assert (found.shares, found.note) == ({}, "every completed trial has the same value")
