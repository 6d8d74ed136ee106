"""Collect the results of a plan's trials, wherever they were trained."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from deepcli.errors import UsageError
from deepcli.run.directory import RunDir
from deepcli.sweeps.outcome import NONE_COMPLETED, Outcome, counts, winner
from deepcli.sweeps.planned import PlannedRun, planned_runs
from deepcli.sweeps.ranking import RankedTrial, metrics_on_test, rank, write_best, write_table
from deepcli.sweeps.spec import same
from deepcli.system.atomic import write_text

if TYPE_CHECKING:
    import optuna


@dataclass(frozen=True)
class Collection:
    """The trials of a plan in a folder.

    Attributes:
        folder: The folder.
        metric: The metric that ranks them.
        goal: Whether to minimize or maximize it.
        points: The runs of each point, one per seed.
    """

    folder: Path
    metric: str
    goal: Literal["minimize", "maximize"]
    points: Sequence[Sequence[PlannedRun]]

    @classmethod
    def read(cls, folder: Path) -> Collection:
        """Find the trials in a folder.

        Raises:
            RunError: The folder has no trials.
            UsageError: The trials belong to plans with different metrics.
        """
        planned = planned_runs(folder)
        metrics = dict.fromkeys((one.metric, one.goal) for one in planned)
        if len(metrics) > 1:
            raise UsageError(f"{folder} has trials of plans with different metrics: {', '.join(m for m, _ in metrics)}")
        grouped: dict[str, list[PlannedRun]] = {}
        for one in planned:
            grouped.setdefault(same(one.point), []).append(one)
        metric, goal = next(iter(metrics))
        return cls(folder, metric, "maximize" if goal == "maximize" else "minimize", list(grouped.values()))

    @cached_property
    def rows(self) -> list[RankedTrial]:
        """The ranking, one row per point."""
        return rank((self._row(runs) for runs in self.points), self.goal)

    def _row(self, runs: Sequence[PlannedRun]) -> RankedTrial:
        results = [one.run(self.folder).result() for one in runs]
        name = self.metric.removeprefix("val_")
        values = [result.metrics["validation"][name] for result in results if result and result.status == "completed"]
        numbers = [value for value in values if value is not None]
        failed = next((result for result in results if result and result.status == "failed"), None)
        if len(numbers) == len(runs):
            state = "completed"
        elif failed or len(values) == len(runs):
            state = "failed"
        else:
            state = "running" if any(one.run(self.folder).is_owned() for one in runs) else "interrupted"
        seconds = [result.seconds for result in results if result and result.seconds is not None]
        return RankedTrial(
            runs[0].number,
            state,
            statistics.fmean(numbers) if numbers else None,
            statistics.stdev(numbers) if len(numbers) > 1 else None,
            runs[0].point,
            sum(result.epochs or 0 for result in results if result),
            round(sum(seconds), 3) if seconds else None,
            failed.error if failed else None,
        )

    @property
    def winners(self) -> list[RunDir]:
        """The runs of the best trial; empty if none is completed."""
        if self.rows[0].state != "completed":
            return []
        return [one.run(self.folder) for runs in self.points for one in runs if runs[0].number == self.rows[0].number]

    @property
    def ended(self) -> bool:
        """Whether every trial that was started has ended."""
        return all(row.state in ("completed", "failed") for row in self.rows)

    @property
    def untested(self) -> list[RunDir]:
        """The best trial's runs not yet evaluated on the test split; empty before all trials have ended."""
        return [run for run in self.winners if not metrics_on_test([run])] if self.ended else []

    def write(self) -> None:
        """Write `trials.csv`, `best.yaml` and plots.

        Raises:
            TrainingError: A file cannot be written.
        """
        from deepcli.sweeps.study.plots import draw

        write_table(self.folder / "trials.csv", self.rows)
        if self.winners:
            best = self.winners[0].config.read_text(encoding="utf-8")
            write_best(self.folder / "best.yaml", self.rows[0], self.metric, best)
        draw(self._study, self.metric, self.folder)

    def outcome(self, seconds: float) -> Outcome:
        """Return the outcome of the trials and write `outcome.json`."""
        from deepcli.sweeps.study.importances import importances

        best = winner(self.rows, [str(run.path) for run in self.winners], metrics_on_test(self.winners))
        left = sum(row.state not in ("completed", "failed") for row in self.rows)
        wrong = f"{left} of {len(self.rows)} trials have not finished" if left else None if best else NONE_COMPLETED
        weighed = importances(self._study)
        outcome = Outcome(
            schema=1,
            command="sweep collect",
            status="unfinished" if left else "failed" if wrong else "completed",
            sweep=str(self.folder),
            metric=self.metric,
            goal=self.goal,
            **counts(self.rows),
            unfinished=counts(self.rows)["interrupted"],
            best=best,
            importances=weighed.shares,
            importances_note=weighed.note,
            seconds=round(seconds, 3),
            error=wrong,
        )
        write_text(self.folder / "outcome.json", outcome.to_json() + "\n")
        return outcome

    @cached_property
    def _study(self) -> optuna.Study:
        """The trials as an Optuna study, for importances and plots."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        study = optuna.create_study(direction=self.goal)
        completed = [row for row in self.rows if row.state == "completed"]
        ranges = {
            key: _distribution(row.point[key] for row in completed if key in row.point) for key in _keys(completed)
        }
        for row in sorted(completed, key=lambda row: row.number):
            parameters = {key: _plain(value) for key, value in row.point.items()}
            found = {key: ranges[key] for key in row.point}
            study.add_trial(optuna.create_trial(params=parameters, distributions=found, value=row.value))
        return study


def _keys(rows: Iterable[RankedTrial]) -> list[str]:
    return list(dict.fromkeys(key for row in rows for key in row.point))


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | float) else json.dumps(value)


def _distribution(values: Iterable[Any]) -> optuna.distributions.BaseDistribution:
    """Guess the distribution of values, for plots."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    plain = [_plain(value) for value in values]
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in plain):
        low, high = float(min(plain)), float(max(plain))
        return FloatDistribution(low, high, log=low > 0 and high / low >= 100)
    return CategoricalDistribution(list(dict.fromkeys(plain)))
