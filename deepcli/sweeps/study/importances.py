"""Parameter importances: each parameter's share in reaching good trials, if there are enough trials to estimate it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field

import optuna
from optuna.trial import TrialState

FEWEST = 30
"""Minimum number of completed trials with different points.

PED-ANOVA compares the best tenth of the trials with all; with fewer than 11 trials, that tenth is a single one. If only
one parameter of three matters, it ranks first in 40 % of sweeps with 4 trials, as by chance, in 82 to 88 % with 20, and
in 97 % with 30.
"""


@dataclass(frozen=True)
class Importances:
    """The importance of each parameter.

    Attributes:
        shares: Shares by parameter, largest first, with the sum 1; empty if they cannot be estimated.
        note: The reason why there are none, or the parameters left out; None otherwise.
    """

    shares: dict[str, float] = field(default_factory=dict)
    note: str | None = None


def importances(study: optuna.Study) -> Importances:
    """Estimate each parameter's share in reaching the best tenth of the trials.

    Source: Watanabe et al. (2023), "PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary Subspaces",
    as implemented in Optuna.
    """
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    points = {repr(sorted(trial.params.items())) for trial in trials}
    if len(points) < FEWEST:
        return Importances(note=f"{len(points)} different completed trials, {FEWEST} needed")
    names = dict.fromkeys(name for trial in trials for name in trial.params)
    varied = [name for name in names if len({repr(trial.params.get(name)) for trial in trials}) > 1]
    fixed = [name for name in names if name not in varied]
    if len(varied) < 2:
        return Importances(note=f"{len(varied)} parameter{'s' * (len(varied) != 1)} varied, at least 2 needed")
    if len({trial.value for trial in trials}) < 2:
        return Importances(note="every completed trial has the same value")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shares = optuna.importance.get_param_importances(study, params=varied)
    note = f"left out, never varied: {', '.join(fixed)}" if fixed else None
    return Importances({name: float(share) for name, share in shares.items()}, note)
