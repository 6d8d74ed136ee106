"""A sampler that gives the trials of a sweep the points of a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from deepcli.sweeps.plan import Plan
from deepcli.sweeps.space import Point, encoded


class ListSampler(BaseSampler):
    """A sampler that gives each trial its point of a list, so that Optuna has the parameters for importances and plots.

    Args:
        plan: The sweep.
        points: The points by trial number.
    """

    def __init__(self, plan: Plan, points: Sequence[Point]) -> None:
        self._plan, self._points = plan, points

    def infer_relative_search_space(self, study: Any, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return {}

    def sample_relative(self, study: Any, trial: FrozenTrial, search_space: Mapping[str, Any]) -> dict[str, Any]:
        return {}

    def sample_independent(
        self, study: Any, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        value = self._points[trial.number][param_name]
        if isinstance(param_distribution, CategoricalDistribution):
            return encoded(self._plan.sweep.parameters[param_name], value)
        return value
