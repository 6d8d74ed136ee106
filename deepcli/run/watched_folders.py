"""Watch the runs in some folders: read again what has changed, and report what happened to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from deepcli.errors import RunError
from deepcli.run.columns import GOING
from deepcli.run.directory import RunDir
from deepcli.run.listing import ListedRun, read_run, run_paths
from deepcli.run.near_runs import is_run, run_hint

Event = Literal["running", "began", "resumed", "epoch", "ended", "removed"]
"""What happened to a run; `running` is one that was being trained already when the watch began."""

Stamp = tuple[tuple[int, int, int] | None, ...]


@dataclass(frozen=True)
class RunChange:
    """Something that happened to a run, and what is known of the run since."""

    event: Event
    run: ListedRun


class WatchedFolders:
    """The runs in and below some folders; of those that have not changed since the last time, nothing is read again.

    Args:
        folders: The folders.
        may_come: Whether folders that do not exist yet are waited for.
    """

    def __init__(self, folders: Sequence[Path], may_come: bool = False) -> None:
        self._folders, self._may_come = folders, may_come
        self._seen: set[Path] = set()
        self._known: dict[Path, tuple[Stamp, ListedRun]] = {}

    def read(self) -> list[ListedRun]:
        """Return the runs as they are now, in the natural order of their names.

        Raises:
            RunError: A folder does not exist, or no longer.
        """
        for folder in self._folders:
            if folder.is_dir():
                self._seen.add(folder)
            elif folder in self._seen:
                raise RunError(f"{folder} was removed or renamed while it was watched; nothing is left to watch there")
            elif not self._may_come or folder.exists():
                raise RunError(f"{folder} is not a directory{run_hint(folder)}")
        self._known = {path: self._current(path) for path in run_paths(self._folders)}
        return [run for _, run in self._known.values() if run.status != "damaged" or is_run(run.path)]

    def _current(self, path: Path) -> tuple[Stamp, ListedRun]:
        stamp = _stamp(RunDir(path))
        before = self._known.get(path)
        if before is None or before[0] != stamp:
            return stamp, read_run(path)
        run = before[1]
        if run.status in GOING:  # no file changes when a process is killed
            run = replace(run, status="running" if RunDir(path).is_owned() else "unfinished")
        return stamp, run


def _stamp(run: RunDir) -> Stamp:
    """Return what changes when a file that a list reads is written, removed or replaced."""
    files = (run.config, run.environment, run.history, run.metrics, run.evaluation("test"))
    return tuple(_of_file(file) for file in files)


def _of_file(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def changes(before: Mapping[Path, ListedRun] | None, now: Sequence[ListedRun]) -> list[RunChange]:
    """Return what happened to runs since they were last looked at.

    Args:
        before: The runs as they were, by path; None when they are looked at for the first time.
        now: The runs as they are.
    """
    if before is None:
        return [RunChange("running", run) for run in now if run.status == "running"]
    found = [RunChange(event, run) for run in now if (event := _event(before.get(run.path), run)) is not None]
    left = {run.path for run in now}
    return found + [RunChange("removed", run) for path, run in before.items() if path not in left]


def _event(before: ListedRun | None, now: ListedRun) -> Event | None:
    if before is None or before.started != now.started:
        return "began" if now.status == "running" else None if now.status == "unfinished" else "ended"
    if before.status != now.status:
        if now.status == "running":
            return "resumed" if before.epochs or before.status != "unfinished" else "began"
        return None if now.status == "unfinished" and before.status != "running" else "ended"
    return "epoch" if now.status == "running" and (now.epochs or 0) > (before.epochs or 0) else None
