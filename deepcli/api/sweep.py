"""`deepcli.Sweep`: a sweep's directory, for programs and notebooks."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepcli.api.display import data_frame, html_lines, html_pictures, html_table
from deepcli.api.loading import plugin_names
from deepcli.api.run import Run
from deepcli.api.sweep_outcome import RankedOutcome, outcome_of
from deepcli.errors import DeepcliError, RunError

if TYPE_CHECKING:
    from deepcli.api.loading import PluginFiles
    from deepcli.experiment.schema import Experiment
    from deepcli.sweeps.directory import SweepDir
    from deepcli.sweeps.outcome import Outcome
    from deepcli.sweeps.ranking import RankedTrial
    from deepcli.sweeps.study.study import Study

SHOWN = 50
"""The most trials that a notebook shows; `trials` has all of them."""


class Sweep:
    """A sweep's directory: its trials, the best of them, and its outcome.

    Everything is read when it is asked for, so that a sweep in progress shows its current state.

    Args:
        path: The sweep's directory.
        storage: The URL of its Optuna storage, if its password is not saved; default: `DEEPCLI_STORAGE`.
        plugins: Python files or modules that register components of the spec. They are imported, which runs their code.
        outcome: How the call of `deepcli.sweep` ended that returns this.

    Attributes:
        path: As given.

    Raises:
        RunError: The path is not a sweep.
        UsageError: A plugin cannot be imported.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        storage: str | None = None,
        plugins: PluginFiles = (),
        outcome: Outcome | None = None,
    ) -> None:
        from deepcli.spec.plugins import import_plugins
        from deepcli.sweeps.directory import SweepDir

        self.path = Path(path)
        self._storage, self._plugins, self._outcome = storage_url(storage), plugin_names(plugins), outcome
        import_plugins(self._plugins)
        self._folder = SweepDir.open(self.path)

    @property
    def trials(self) -> Any:
        """The trials, best first: a list of dicts with the parameters by dotted key. If pandas is installed, a DataFrame.

        Each has `trial` (its number), `state`, `value` (the metric, the mean over seeds), `epochs`, `seconds` and `error`;
        with several seeds also `spread`, the standard deviation of the metric; if workers have directories of their own, also
        `host` and `path`, where its runs are.
        """
        return data_frame(_table(self._ranking()[0]))

    @property
    def best(self) -> Run:
        """The run of the best trial; with several seeds that of the first.

        Raises:
            RunError: No trial is completed yet, or its run is on another machine.
        """
        from deepcli.sweeps.ranking import winner_runs

        with self._study() as study:
            winners = study.winners
            runs, elsewhere = winner_runs(study)
        if elsewhere is not None:
            raise RunError(f"{self.path}: the run of the best trial is on {elsewhere}: {runs[0]}")
        if not winners:
            raise RunError(f"{self.path}: no trial is completed")
        return Run(winners[0], plugins=self._plugins)

    @property
    def best_spec(self) -> Experiment:
        """The spec of the best trial, as in `best.yaml`; `deepcli.train` accepts it.

        Raises:
            RunError: No trial is completed yet.
        """
        from deepcli.sweeps.ranking import ranking

        with self._study() as study:
            rows = ranking(study)
            if not rows or rows[0].state != "completed":
                raise RunError(f"{self.path}: no trial is completed")
            return study.plan.experiment(dict(rows[0].point))

    @property
    def outcome(self) -> Outcome:
        """Status, counts, best trial and importances: as `deepcli.sweep` ended, or of an opened sweep as it is now."""
        return self._outcome or read_sweep(self.path, self._storage, self._plugins).outcome

    @property
    def importances(self) -> dict[str, float]:
        """Each parameter's share in reaching the best tenth of the trials, largest first; the shares sum to 1.

        With too few trials it is empty, and `outcome.importances_note` gives the reason.
        """
        return dict(self.outcome.importances)

    def report(self, output: str | os.PathLike[str] | None = None) -> Path:
        """Write the sweep as one HTML page, with a page for the run of each trial beside the run.

        Args:
            output: The HTML file; default: `report.html` in the sweep's directory.

        Raises:
            TrainingError: A page cannot be written.
        """
        from deepcli.api.reporting import report

        return report(self.path, output, storage=self._storage)[-1]

    def __repr__(self) -> str:
        """Show the path, the progress and the best value."""
        try:
            return f"<Sweep {self.path}: {self._ranking()[1]}>"
        except DeepcliError:
            return f"<Sweep {self.path}>"

    def _repr_html_(self) -> str:
        """Show progress, ranking and plots in a notebook; all text in them is escaped."""
        try:
            ranked, summary = self._ranking()
        except DeepcliError as error:
            return html_lines(repr(self), str(error))
        rows = _table(ranked)
        table = html_table(list(rows[0]), [list(row.values()) for row in rows[:SHOWN]]) if rows else ""
        more = html_lines(f"and {len(rows) - SHOWN} more in trials") if len(rows) > SHOWN else ""
        return f"{html_lines(f'{self.path}: {summary}')}{table}{more}{html_pictures(self._folder.plots)}"

    def _ranking(self) -> tuple[list[RankedTrial], str]:
        """Return the trials, best first, and the progress in one line."""
        from deepcli.sweeps.outcome import counts
        from deepcli.sweeps.ranking import ranking

        with self._study() as study:
            rows, size, metric = ranking(study), study.size, study.plan.metric.name
        found = ", ".join(f"{number} {state}" for state, number in counts(rows).items() if number) or "none started"
        completed = rows and rows[0].state == "completed" and rows[0].value is not None
        best = f"; best trial {rows[0].number}: {metric} {rows[0].value:.4f}" if completed else ""
        return rows, f"{found} of {size} trials{best}"

    def _study(self) -> AbstractContextManager[Study]:
        return _opened(self._folder, self._storage, self._plugins)


def read_sweep(path: Path, storage: str | None = None, plugins: Sequence[str] = ()) -> RankedOutcome:
    """Read the current state of a sweep.

    Raises:
        RunError: The path is not a sweep, its files are damaged, or its storage cannot be reached.
        UsageError: The storage is not the sweep's own, or a plugin cannot be imported.
    """
    started = time.monotonic()
    from deepcli.sweeps.directory import SweepDir

    with _opened(SweepDir.open(path), storage, plugins) as study:
        return outcome_of(study, "sweep status", study.done, time.monotonic() - started)


def _opened(folder: SweepDir, storage: str | None, plugins: Sequence[str]) -> AbstractContextManager[Study]:
    """Open a sweep's study, and close it after the block."""
    from deepcli.sweeps.start import open_study

    return contextlib.closing(open_study(folder, storage, plugins))


def storage_url(storage: str | None) -> str | None:
    """Return the URL of the storage: the given one, else that of the environment."""
    return storage or os.environ.get("DEEPCLI_STORAGE") or None


def _table(rows: Sequence[RankedTrial]) -> list[dict[str, Any]]:
    """Return the rows as dicts with the same keys."""
    keys = dict.fromkeys(key for row in rows for key in row.point)
    spread = any(row.spread is not None for row in rows)
    placed = any(row.host is not None for row in rows)
    return [
        {
            "trial": row.number,
            "state": row.state,
            "value": row.value,
            **({"spread": row.spread} if spread else {}),
            **{key: row.point.get(key) for key in keys},
            "epochs": row.epochs,
            "seconds": row.seconds,
            "error": row.error,
            **({"host": row.host, "path": row.path} if placed else {}),
        }
        for row in rows
    ]
