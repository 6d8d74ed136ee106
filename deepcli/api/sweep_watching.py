"""A sweep as its trials are trained: what `deepcli sweep status --watch` shows."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepcli.api.loading import plugin_names
from deepcli.api.sweep import storage_url
from deepcli.api.sweep_outcome import RankedOutcome, outcome_of
from deepcli.errors import RunError

if TYPE_CHECKING:
    from deepcli.api.loading import PluginFiles
    from deepcli.sweeps.ranking import RankedTrial
    from deepcli.sweeps.study.study import Study


@dataclass(frozen=True)
class SweepSeen:
    """What a look at a watched sweep has found.

    Attributes:
        now: The sweep's outcome so far, with its trials.
        changed: The trials with which something happened since the last look, by number; all that are being trained at
            the first.
        first: Whether this is the first look.
    """

    now: RankedOutcome
    changed: Sequence[RankedTrial]
    first: bool


class SweepWatch:
    """Looks at a sweep again and again; what has not changed is not computed again.

    Args:
        study: The sweep's study.
    """

    def __init__(self, study: Study) -> None:
        self._study, self._began = study, time.monotonic()
        self._stamp: Any = None
        self._seen: RankedOutcome | None = None

    def look(self) -> SweepSeen:
        """Return the sweep as it is now, and the trials that changed since the last look.

        Raises:
            RunError: The sweep's directory was removed, or its storage cannot be read any more.
        """
        from optuna.exceptions import OptunaError
        from sqlalchemy.exc import SQLAlchemyError

        path = self._study.folder.path
        try:
            if self._study.folder.plan.is_file():
                return self._look()
        except (OSError, ValueError, RunError, OptunaError, SQLAlchemyError) as error:  # ValueError: a damaged journal
            if self._study.folder.plan.is_file():
                first = str(error).strip().partition("\n")[0]
                raise RunError(f"{path}: the sweep cannot be read any more: {first}") from error
        raise RunError(f"{path} was removed or renamed while it was watched; nothing is left to watch there")

    def _look(self) -> SweepSeen:
        before, stamp = self._seen, self._current()
        if before is not None and stamp == self._stamp:
            return SweepSeen(before, (), first=False)
        now = outcome_of(self._study, "sweep status", self._study.done, time.monotonic() - self._began)
        self._stamp, self._seen = stamp, now
        return SweepSeen(now, _changed(before.rows if before else None, now.rows), first=before is None)

    def _current(self) -> list[tuple[Any, ...]]:
        """Return what the table depends on: trials with their states and epochs, and the results of the best."""
        interrupted = self._study.interrupted()
        trials = [
            (trial.state.name, len(trial.intermediate_values), trial.number in interrupted)
            for trial in self._study.trials()
        ]
        tested = tuple(self._study.noted_test)
        return [*trials, *((run, _written(run / "metrics.json")) for run in self._study.winners), tested]


@contextmanager
def watched_sweep(
    path: str | os.PathLike[str], storage: str | None = None, plugins: PluginFiles = ()
) -> Iterator[SweepWatch]:
    """Open a sweep to look at it again and again.

    Args:
        path: The sweep's directory.
        storage: The URL of its Optuna storage, if its password is not saved; default: `DEEPCLI_STORAGE`.
        plugins: Python files or modules that register components of the spec. They are imported, which runs their code.

    Yields:
        What looks at the sweep.

    Raises:
        RunError: The path is not a sweep, its files are damaged, or its storage cannot be reached.
        UsageError: The storage is not the sweep's own, or a plugin cannot be imported.
    """
    from deepcli.sweeps.directory import SweepDir
    from deepcli.sweeps.start import open_study

    study = open_study(SweepDir.open(Path(path)), storage_url(storage), plugin_names(plugins))
    try:
        yield SweepWatch(study)
    finally:
        study.close()


def _written(file: Path) -> float | None:
    """Return when a file was written; None if there is none."""
    try:
        return file.stat().st_mtime
    except OSError:
        return None


def _changed(before: Sequence[RankedTrial] | None, now: Sequence[RankedTrial]) -> list[RankedTrial]:
    if before is None:
        found = [row for row in now if row.state == "running"]
    else:
        known = {row.number: (row.state, row.epochs) for row in before}
        found = [row for row in now if known.get(row.number) != (row.state, row.epochs)]
    return sorted(found, key=lambda row: row.number)
