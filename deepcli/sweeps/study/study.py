"""A sweep's trials in Optuna's storage, with leases so that another worker resumes the trial of a dead one."""

from __future__ import annotations

import json
import math
import random
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import FrozenTrial, Trial, TrialState

from deepcli.sweeps.directory import SweepDir
from deepcli.sweeps.plan import Plan, points
from deepcli.sweeps.space import Point, draw, encoded
from deepcli.sweeps.spec import same
from deepcli.sweeps.study.storage import close_storage

if TYPE_CHECKING:
    from filelock import BaseFileLock

MOST_DEATHS = 8
"""Number of workers that may die in a trial without progress before it counts as failed."""

FIRST_DRAWS = (3, 10)
"""Minimum and maximum number of random trials at the start of a Bayesian sweep; in between, a quarter of all."""


@dataclass
class Claim:
    """A trial that this process trains; it is reserved while the process holds the lease.

    Attributes:
        trial: The Optuna trial.
        point: The values of the parameters.
        lease: A lock that is released when the process ends, even if killed.
        reported: Epochs that an earlier worker reported.
        ends: The epoch at which to prune the trial, if its last worker died after deciding that; else None.
        before: Seconds that earlier workers trained it.
        began: `time.monotonic()` when this process took it.
    """

    trial: Trial
    point: Point
    lease: BaseFileLock = field(repr=False)
    reported: frozenset[int] = frozenset()
    ends: int | None = None
    before: float = 0.0
    began: float = field(default_factory=lambda: time.monotonic())

    @property
    def number(self) -> int:
        """The trial's number in the sweep, counted from 0."""
        return int(self.trial.number)

    @property
    def seconds(self) -> float:
        """How long it has been trained, by this process and by earlier ones."""
        return round(self.before + time.monotonic() - self.began, 3)


class Study:
    """The trials of one sweep.

    Args:
        folder: The sweep's directory.
        plan: The sweep's plan.
        name: The study's name in the storage.
        storage: The Optuna storage.
    """

    def __init__(self, folder: SweepDir, plan: Plan, name: str, storage: optuna.storages.BaseStorage) -> None:
        self.folder, self.plan, self._storage = folder, plan, storage
        pruner = plan.sweep.early_terminate.build() if plan.sweep.early_terminate else optuna.pruners.NopPruner()
        with folder.exclusive():
            self.optuna = optuna.create_study(
                storage=storage,
                study_name=name,
                pruner=pruner,
                direction=plan.metric.goal,
                load_if_exists=True,
            )

    def close(self) -> None:
        """Close the connections to a database, if any."""
        close_storage(self._storage)

    def trials(self) -> list[FrozenTrial]:
        """Return all trials in their current state."""
        return list(self.optuna.get_trials(deepcopy=False))

    @cached_property
    def size(self) -> int:
        """The number of planned trials."""
        return self.plan.max_trials if self._listed is None else len(self._listed)

    @cached_property
    def _listed(self) -> list[Point] | None:
        return None if self.plan.method == "bayes" else list(points(self.plan))

    @property
    def given_up(self) -> bool:
        """Whether too many trials have failed, so that no new one is started."""
        return sum(trial.state == TrialState.FAIL for trial in self.trials()) > self.plan.max_failures

    @property
    def idle(self) -> bool:
        """Whether every trial that was started has ended."""
        return all(trial.state.is_finished() for trial in self.trials())

    def interrupted(self) -> set[int]:
        """Return the numbers of the trials that were started and have not ended, but are not being trained."""
        begun = [trial.number for trial in self.trials() if not trial.state.is_finished()]
        if not begun:
            return set()
        with self.folder.exclusive():
            return {number for number in begun if not self.folder.is_leased(_lease(number))}

    @property
    def done(self) -> bool:
        """Whether no trial is left to start or to finish."""
        return self.idle and (len(self.trials()) >= self.size or self.given_up)

    @property
    def best(self) -> FrozenTrial | None:
        """The completed trial with the best value, the first if several are equal; None if no trial is completed."""
        completed = [trial for trial in self.trials() if trial.state == TrialState.COMPLETE]
        sign = -1 if self.plan.metric.goal == "maximize" else 1
        return min(completed, key=lambda trial: (sign * (trial.value or 0.0), trial.number), default=None)

    @property
    def winners(self) -> list[Path]:
        """The run directories of the best trial."""
        best = self.best
        return self.runs(int(best.user_attrs.get("same_as", best.number))) if best else []

    def runs(self, number: int) -> list[Path]:
        """Return the run directories of a trial, one per seed."""
        several = len(self.plan.seeds) > 1
        return [self.folder.run(number, seed if several else None) for seed in self.plan.seeds]

    def claim(self, new: bool = True) -> Claim | None:
        """Reserve a trial whose worker has died, or a new one; None if no trial is free at the moment.

        Args:
            new: Whether a new trial may be started.
        """
        with self.folder.exclusive():
            return self._orphan() or (self._new() if new else None)

    def _orphan(self) -> Claim | None:
        """Reserve a trial that was started but is not held by any process."""
        for frozen in self.trials():
            if frozen.state.is_finished() or (lease := self.folder.lease(_lease(frozen.number))) is None:
                continue
            self.optuna.sampler = self._sampler(frozen.number)
            trial = Trial(self.optuna, frozen._trial_id)
            reported, ends = frozenset(frozen.intermediate_values), frozen.user_attrs.get("ends")
            before = self._trained(frozen)
            trial.set_user_attr("seconds", before)
            trial.set_user_attr("since", time.time())
            claim = Claim(trial, self._point(trial), lease, reported, ends, before)
            if self._died(frozen, trial) < MOST_DEATHS:
                return claim
            self._tell(claim, TrialState.FAIL, error=f"{MOST_DEATHS} workers died in this trial, perhaps out of memory")
        return None

    def _trained(self, frozen: FrozenTrial) -> float:
        """Return the seconds that the earlier workers of a trial trained it.

        A worker that was interrupted has noted them. Of one that was killed, they end with the last line that it wrote.
        """
        seconds = float(frozen.user_attrs.get("seconds", 0.0))
        since = frozen.user_attrs.get("since", frozen.datetime_start.timestamp() if frozen.datetime_start else None)
        if since is None:
            return seconds
        files = [run / name for run in self.runs(frozen.number) for name in ("train.log", "history.csv")]
        written = [file.stat().st_mtime for file in files if file.is_file()]
        latest: float = max(written, default=since)
        return round(seconds + max(latest - float(since), 0.0), 3)

    def _died(self, frozen: FrozenTrial, trial: Trial) -> int:
        """Count the workers that died in a trial since it last completed an epoch."""
        epochs, before = len(frozen.intermediate_values), frozen.user_attrs.get("deaths", {})
        count = before["count"] + 1 if before.get("epochs") == epochs else 1
        trial.set_user_attr("deaths", {"epochs": epochs, "count": count})
        return int(count)

    def _new(self) -> Claim | None:
        while (number := len(self.trials())) < self.size and not self.given_up:
            # The lease is taken before the trial exists; otherwise another process could take the trial for an orphan.
            lease = self.folder.lease(_lease(number))
            if lease is None:
                return None
            self.optuna.sampler = self._sampler(number)
            trial = self.optuna.ask()
            claim = Claim(trial, self._point(trial), lease)
            if (twin := self._twin(claim)) is None:
                return claim
            trial.set_user_attr("same_as", twin.number)
            trial.set_user_attr("values", twin.user_attrs["values"])
            self._tell(claim, TrialState.COMPLETE, twin.value)
        return None

    def _sampler(self, number: int) -> BaseSampler:
        """Build the sampler for a trial; its values depend only on earlier trials, not on the worker."""
        if self._listed is not None:
            return ListSampler(self.plan, self._listed)
        least, most = FIRST_DRAWS
        first = min(max(self.plan.max_trials // 4, least), most)
        seed = random.Random(f"{self.plan.sweep.seed}/{number}").randrange(1 << 31)
        return TPESampler(seed=seed, n_startup_trials=first, constant_liar=True)

    def _point(self, trial: Trial) -> Point:
        if "point" in trial.user_attrs:
            return dict(json.loads(trial.user_attrs["point"]))
        point = draw(self.plan.sweep, trial, self.plan.experiment({}))
        trial.set_user_attr("point", json.dumps(point))
        return point

    def _twin(self, claim: Claim) -> FrozenTrial | None:
        """Find a completed trial of the same point, whose values can be reused."""
        wanted = same(claim.point)
        return next(
            (
                trial
                for trial in self.trials()
                if trial.state == TrialState.COMPLETE and same(json.loads(trial.user_attrs["point"])) == wanted
            ),
            None,
        )

    def complete(self, claim: Claim, values: Sequence[float]) -> None:
        """Record a trial's values, one per seed."""
        if not all(map(math.isfinite, values)):
            self.fail(claim, f"{self.plan.metric.name} is {next(v for v in values if not math.isfinite(v))}")
            return
        claim.trial.set_user_attr("values", list(values))
        with self.folder.exclusive():
            self._tell(claim, TrialState.COMPLETE, statistics.fmean(values))

    def fail(self, claim: Claim, error: str) -> None:
        """Record that a trial failed, with its error."""
        with self.folder.exclusive():
            self._tell(claim, TrialState.FAIL, error=error)

    def prune(self, claim: Claim) -> None:
        """Record that a trial was stopped early."""
        with self.folder.exclusive():
            self._tell(claim, TrialState.PRUNED)

    def give_back(self, claim: Claim) -> None:
        """Release a trial so that another worker can resume it."""
        claim.trial.set_user_attr("deaths", {})
        claim.trial.set_user_attr("seconds", claim.seconds)
        claim.trial.set_user_attr("since", None)
        claim.lease.release()

    def _tell(self, claim: Claim, state: TrialState, value: float | None = None, error: str | None = None) -> None:
        if error is not None:
            claim.trial.set_user_attr("error", error)
        claim.trial.set_user_attr("seconds", claim.seconds)
        self.optuna.tell(claim.trial, value, state)
        claim.lease.release()


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


def _lease(number: int) -> str:
    return f"{number:04d}"
