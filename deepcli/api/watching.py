"""Runs as they change: what `deepcli runs --watch` shows."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from deepcli.api.comparing import SelectedRuns, Selection, select_runs
from deepcli.errors import UsageError

if TYPE_CHECKING:
    from deepcli.run.listing import ListedRun
    from deepcli.run.watched_folders import RunChange


@dataclass(frozen=True)
class RunsSeen:
    """What a look at watched runs has found.

    Attributes:
        selected: The runs that are shown, in order.
        changes: What happened to them since the last look.
        fresh: Runs that changed during the watch, by path.
        notice: Why nothing is selected or sorted as asked; None if all is well.
        final: Whether a value that no run has is a mistake: at the first look, if no run that trains may still get it.
    """

    selected: SelectedRuns
    changes: tuple[RunChange, ...]
    fresh: frozenset[Path]
    notice: str | None
    final: bool

    @property
    def waiting(self) -> str | None:
        """What is waited for; None if there are runs to show."""
        if self.selected.runs:
            return None
        if not self.selected.found:
            return f"waiting for runs in {', '.join(map(str, self.selected.searched))}"
        return self.selected.why_empty


class RunsWatch:
    """Watches the runs below some folders.

    Each `look` reads only runs whose files have changed.

    Args:
        folders: Default: `runs`, which may not exist yet.
        selection: Which runs are shown, and in what order.

    Raises:
        UsageError: A condition or the time cannot be read.
    """

    def __init__(self, folders: Sequence[str | os.PathLike[str]] = (), selection: Selection | None = None) -> None:
        from deepcli.run.near_runs import RUNS
        from deepcli.run.watched_folders import WatchedFolders

        self._searched = tuple(map(Path, folders)) or (RUNS,)
        self._selection = selection or Selection()
        self._folders = WatchedFolders(self._searched, may_come=not folders)
        self._before: dict[Path, ListedRun] | None = None
        self._shown: frozenset[Path] = frozenset()
        self._fresh: frozenset[Path] = frozenset()
        select_runs([], self._selection, self._searched)  # whatever is wrong without any run

    def look(self) -> RunsSeen:
        """Return the runs as they are now, and what has happened since the last look.

        Raises:
            RunError: A folder does not exist, or was removed.
            UsageError: At the first look, no run has what is sorted or filtered by, and none may still get it.
        """
        from deepcli.run.watched_folders import changes

        every = self._folders.read()
        final = self._before is None and all(run.status != "running" for run in every)
        selected, notice = self._select(every, strict=final)
        shown = frozenset(run.path for run in selected.runs)
        happened = [one for one in changes(self._before, every) if one.run.path in shown | self._shown]
        self._fresh |= {one.run.path for one in happened}
        self._before, self._shown = {run.path: run for run in every}, shown
        return RunsSeen(selected, tuple(happened), self._fresh, notice, final)

    def _select(self, every: list[ListedRun], strict: bool) -> tuple[SelectedRuns, str | None]:
        """Select runs; where no run has a value yet that is asked for, say so instead of failing."""
        try:
            return select_runs(every, self._selection, self._searched), None
        except UsageError as error:
            if strict:
                raise
            notice = str(error)
        try:
            return select_runs(every, replace(self._selection, sort=None), self._searched), notice
        except UsageError:
            return SelectedRuns([], len(every), self._searched), notice
