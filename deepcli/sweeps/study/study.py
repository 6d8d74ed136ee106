"""A sweep's trials in Optuna's storage, with leases so that another worker resumes the trial of a dead one."""

from __future__ import annotations

import contextlib
import json
import math
import random
import statistics
import time
from collections.abc import Iterator, Sequence

from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import FrozenTrial, Trial, TrialState

from deepcli.run.directory import RunDir
from deepcli.sweeps.leases import Lease, LeaseLost
from deepcli.sweeps.space import Point, draw
from deepcli.sweeps.spec import same
from deepcli.sweeps.study.claim import Claim
from deepcli.sweeps.study.list_sampler import ListSampler
from deepcli.sweeps.study.state import StudyState, lease_name
from deepcli.sweeps.study.whereabouts import Whereabouts

MOST_DEATHS = 8
"""Number of workers that may die in a trial without progress before it counts as failed."""

FIRST_DRAWS = (3, 10)
"""Minimum and maximum number of random trials at the start of a Bayesian sweep; in between, a quarter of all."""


class Study(StudyState):
    """The trials of one sweep, for those who train them; made as `StudyState` is."""

    def claim(self, new: bool = True) -> Claim | None:
        """Reserve a trial whose worker has died, or a new one; None if no trial is free at the moment.

        Args:
            new: Whether a new trial may be started.
        """

        def claim() -> Claim | None:
            found = None
            try:
                with self.leases.exclusive():
                    found = self._orphan() or (self._new() if new else None)
            except LeaseLost:
                return None  # another process took the trial while this one was away
            except BaseException:
                if found is not None:  # the connection broke at the end of the section, which begins again
                    found.lease.release()
                raise
            return found

        return self.leases.waiting(claim)

    def _orphan(self) -> Claim | None:
        """Reserve a trial that was started but is not held by any process."""
        begun = {lease_name(trial.number): trial for trial in self.trials() if not trial.state.is_finished()}
        for name in self.leases.candidates(begun) if begun else ():
            if (lease := self.leases.take(name)) is None:
                continue
            with _given_back_on_errors(lease):
                claim = self._resumed(begun[name], lease)
            if claim.deaths < MOST_DEATHS:
                return claim
            self._tell(claim, TrialState.FAIL, error=f"{MOST_DEATHS} workers died in this trial, perhaps out of memory")
        return None

    def _resumed(self, frozen: FrozenTrial, lease: Lease) -> Claim:
        """Return the claim of a trial that was started."""
        self.leases.fence(frozen._trial_id, lease)
        self.optuna.sampler = self._sampler(frozen.number)
        trial = Trial(self.optuna, frozen._trial_id)
        reported, ends = frozenset(frozen.intermediate_values), frozen.user_attrs.get("ends")
        before, found = self._trained(frozen), Whereabouts.of(frozen)
        elsewhere = str(found) if found and not self.is_here(frozen) else None
        deaths = self._died(frozen, trial)  # before other attributes change, as a journal changes them in `frozen`, too
        trial.set_user_attr("seconds", before)
        trial.set_user_attr("since", time.time())
        claim = Claim(trial, self._point(trial), lease, reported, ends, before, elsewhere, deaths)
        self._note_place(claim)
        return claim

    def _note_place(self, claim: Claim) -> None:
        """Record where the runs of a trial are, for the workers that have directories of their own."""
        if self.leases.in_database:
            here = Whereabouts.here(self.leases.place, self.folder.run(claim.number))
            claim.trial.set_user_attr(*here.attribute)

    def _trained(self, frozen: FrozenTrial) -> float:
        """Return the seconds that the earlier workers of a trial trained it.

        A worker that was interrupted has noted them. Of one that was killed, they end with the last line that it wrote.
        """
        seconds = float(frozen.user_attrs.get("seconds", 0.0))
        if not self.is_here(frozen):  # what it wrote is out of sight, and the clocks of two machines differ
            return seconds
        since = frozen.user_attrs.get("since", frozen.datetime_start.timestamp() if frozen.datetime_start else None)
        if since is None:
            return seconds
        files = [run / name for run in self.runs(frozen.number) for name in ("train.log", "history.csv")]
        written = [file.stat().st_mtime for file in files if file.is_file()]
        latest: float = max(written, default=since)
        return round(seconds + max(latest - float(since), 0.0), 3)

    def _died(self, frozen: FrozenTrial, trial: Trial) -> int:
        """Count the workers that died in a trial since it last completed an epoch; in another directory it begins anew."""
        before = frozen.user_attrs.get("deaths") or {"epochs": 0, "count": 0}
        moved = not self.is_here(frozen)
        epochs = 0 if moved else self._epochs(frozen)
        count = before["count"] + 1 if moved or epochs <= before["epochs"] else 1
        if frozen.user_attrs.get("since", 0.0) is None:  # its worker gave it back
            count = 0
        trial.set_user_attr("deaths", {"epochs": epochs if moved else max(epochs, before["epochs"]), "count": count})
        return int(count)

    def _epochs(self, frozen: FrozenTrial) -> int:
        """Count the epochs of a trial that its runs in this directory have completed."""
        if not self.leases.in_database:
            return len(frozen.intermediate_values)
        histories = [RunDir(run).history for run in self.runs(frozen.number)]
        return sum(len(file.read_text(encoding="utf-8").splitlines()) - 1 for file in histories if file.is_file())

    def _new(self) -> Claim | None:
        while (number := len(self.trials())) < self.size and not self.given_up:
            # The lease is taken before the trial exists; otherwise another process could take the trial for an orphan.
            lease = self.leases.take(lease_name(number))
            if lease is None:
                return None
            with _given_back_on_errors(lease):
                claim = self._created(number, lease)
                twin = self._twin(claim)
                if twin is None:
                    self._note_place(claim)
                    return claim
            claim.trial.set_user_attr("same_as", twin.number)
            claim.trial.set_user_attr("values", twin.user_attrs["values"])
            self._tell(claim, TrialState.COMPLETE, twin.value)
        return None

    def _created(self, number: int, lease: Lease) -> Claim:
        """Create a trial whose lease this process holds, and draw its point."""
        self.optuna.sampler = self._sampler(number)
        with self.leases.creating(number, lease):
            trial = self.optuna.ask()
        self.leases.fence(trial._trial_id, lease)
        return Claim(trial, self._point(trial), lease)

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
        self._end(claim, TrialState.COMPLETE, statistics.fmean(values))

    def fail(self, claim: Claim, error: str) -> None:
        """Record that a trial failed, with its error."""
        self._end(claim, TrialState.FAIL, error=error)

    def prune(self, claim: Claim) -> None:
        """Record that a trial was stopped early."""
        self._end(claim, TrialState.PRUNED)

    def give_back(self, claim: Claim) -> None:
        """Release a trial so that another worker can resume it; without a connection, its lease is left to expire.

        If there is a checkpoint, workers in other directories, which would begin anew, leave it alone for a while.
        """

        def note() -> None:
            claim.trial.set_user_attr("deaths", {})
            claim.trial.set_user_attr("seconds", claim.seconds)
            claim.trial.set_user_attr("since", None)

        with contextlib.suppress(LeaseLost):
            self.leases.at_once(note)
        if any(RunDir(run).last.is_file() for run in self.runs(claim.number)):
            claim.lease.park()
        else:
            claim.lease.release()

    def _end(self, claim: Claim, state: TrialState, value: float | None = None, error: str | None = None) -> None:
        def end() -> None:
            with self.leases.exclusive():
                self._tell(claim, state, value, error)

        self.leases.waiting(end)

    def _tell(self, claim: Claim, state: TrialState, value: float | None = None, error: str | None = None) -> None:
        if not self._has_ended(claim):
            if error is not None:
                claim.trial.set_user_attr("error", error)
            claim.trial.set_user_attr("seconds", claim.seconds)
            if claim.lease.token is not None:
                claim.trial.set_user_attr("ended_by", claim.lease.token)
            self.optuna.tell(claim.trial, value, state)
        claim.lease.release()

    def _has_ended(self, claim: Claim) -> bool:
        """Return whether this process has ended the trial, and only the server's answer was lost."""
        if claim.lease.token is None:
            return False
        frozen = self._storage.get_trial(claim.trial._trial_id)
        return frozen.state.is_finished() and frozen.user_attrs.get("ended_by") == claim.lease.token


@contextlib.contextmanager
def _given_back_on_errors(lease: Lease) -> Iterator[None]:
    try:
        yield
    except BaseException:
        lease.release()
        raise
