"""The state of a sweep's trials, in Optuna's storage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial, TrialState

from deepcli.sweeps.directory import SweepDir
from deepcli.sweeps.leases import Leases
from deepcli.sweeps.plan import Plan, points
from deepcli.sweeps.published import KEY, Published
from deepcli.sweeps.space import Point
from deepcli.sweeps.study.storage import close_storage
from deepcli.sweeps.study.whereabouts import Whereabouts

TESTED = "test-of-trial-"
"""Begins the name of the study's attribute with a trial's metrics on the test split."""


class StudyState:
    """What can be asked about the trials of one sweep.

    Args:
        folder: The sweep's directory.
        plan: The sweep's plan.
        name: The study's name in the storage.
        storage: The Optuna storage.
        leases: The leases on its trials; None for those of a directory that all workers share.
    """

    def __init__(
        self,
        folder: SweepDir,
        plan: Plan,
        name: str,
        storage: optuna.storages.BaseStorage,
        leases: Leases | None = None,
    ) -> None:
        self.folder, self.plan, self.name, self._storage = folder, plan, name, storage
        self.leases = leases or Leases(folder)
        pruner = plan.sweep.early_terminate.build() if plan.sweep.early_terminate else optuna.pruners.NopPruner()
        with folder.exclusive():
            try:
                self.optuna = optuna.load_study(study_name=name, storage=storage, pruner=pruner)
            except KeyError:
                self.optuna = optuna.create_study(
                    storage=storage,
                    study_name=name,
                    pruner=pruner,
                    direction=plan.metric.goal,
                    load_if_exists=True,
                )

    @property
    def url(self) -> str | None:
        """The URL of the database, which may have a password in it; None if workers must share the directory."""
        return str(getattr(self._storage, "url", "")) if self.leases.in_database else None

    def publish(self, published: Published) -> None:
        """Say in the database what the sweep is, so that another machine can work on it; nothing without a database."""
        if self.leases.in_database:
            self.optuna.set_user_attr(KEY, published.to_json())

    @property
    def published(self) -> Published | None:
        """What the database says about the sweep; None if it says nothing.

        Raises:
            RunError: It is damaged, or from a newer version.
        """
        stored = self.optuna.user_attrs.get(KEY)
        return None if stored is None else Published.from_json(stored)

    def close(self) -> None:
        """Close the connections to a database, if any."""
        self.leases.close()
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
        begun = {lease_name(trial.number): trial.number for trial in self.trials() if not trial.state.is_finished()}
        if not begun:
            return set()
        taken = self.leases.taken(begun)
        return {number for name, number in begun.items() if name not in taken}

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
    def winner(self) -> FrozenTrial | None:
        """The trial whose runs are those of the best one, which may have reused the values of an earlier trial."""
        best = self.best
        if best is None or "same_as" not in best.user_attrs:
            return best
        return next(trial for trial in self.trials() if trial.number == best.user_attrs["same_as"])

    @property
    def winners(self) -> list[Path]:
        """The run directories of the best trial, if they are in this directory of the sweep."""
        winner = self.winner
        return self.runs(winner.number) if winner and self.is_here(winner) else []

    def runs(self, number: int) -> list[Path]:
        """Return the run directories of a trial in this directory of the sweep, one per seed."""
        several = len(self.plan.seeds) > 1
        return [self.folder.run(number, seed if several else None) for seed in self.plan.seeds]

    def is_here(self, trial: FrozenTrial) -> bool:
        """Return whether the runs of a trial are in this directory of the sweep."""
        found = Whereabouts.of(trial)
        return (found.place if found else "") == self.leases.place

    def note_test(self, metrics: Mapping[str, Sequence[float | None]]) -> None:
        """Record the best trial's metrics on the test split for workers that do not see its runs."""
        if self.leases.in_database and (winner := self.winner) is not None:
            self.optuna.set_user_attr(
                f"{TESTED}{winner.number}", {name: list(found) for name, found in metrics.items()}
            )

    @property
    def noted_test(self) -> dict[str, list[float | None]]:
        """The best trial's metrics on the test split, one value per run, as a worker has recorded them; empty if none has."""
        if not self.leases.in_database or (winner := self.winner) is None:
            return {}
        return dict(self.optuna.user_attrs.get(f"{TESTED}{winner.number}", {}))


def lease_name(number: int) -> str:
    """Return the name of the lease on a trial."""
    return f"{number:04d}"
