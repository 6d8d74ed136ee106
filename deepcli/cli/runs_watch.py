"""`deepcli runs --watch`: the table of runs, and the lines of what happens to them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from deepcli.cli.answers import fit, out
from deepcli.cli.following import drawn, fitting, follow
from deepcli.system.terminal_colours import line as coloured_line

if TYPE_CHECKING:
    from deepcli.api.comparing import SelectedRuns, Selection
    from deepcli.api.watching import RunsSeen
    from deepcli.run.listing import ListedRun
    from deepcli.run.watching import RunChange

HINT = "Ctrl-C ends the watch"
ShowTable = Callable[["SelectedRuns"], None]
WriteObject = Callable[["RunChange", "SelectedRuns"], str]


def watch_runs(
    folders: Sequence[Path],
    selection: Selection,
    named: Sequence[str],
    show: ShowTable,
    write: WriteObject | None,
) -> None:
    """Show the runs in some folders, and what happens to them, until Ctrl-C.

    Args:
        folders: The folders.
        selection: Which runs are shown.
        named: Columns that were asked for; lines show their values.
        show: Prints the table of some runs.
        write: Returns the JSON object of a change; None for lines for people.

    Raises:
        RunError: A folder does not exist, or was removed.
        UsageError: A condition cannot be read, or no run has what is sorted or filtered by.
    """
    from deepcli.api.watching import RunsWatch

    follow(RunsWatch(folders, selection).look, RunsView(named, show, write), write is not None)


class RunsView:
    """The table of runs, and a line for each change."""

    def __init__(self, named: Sequence[str], show: ShowTable, write: WriteObject | None) -> None:
        self._named, self._show, self._write = named, show, write
        self._told: str | None = None

    def table(self, seen: RunsSeen, height: int) -> list[str]:
        """Return the lines of the table, at most `height`; where there are more runs, those stay that train or changed."""
        runs = seen.selected.runs
        if not runs:
            return [f"{seen.notice or seen.waiting}; {HINT}"]
        by_need = sorted(range(len(runs)), key=lambda place: _need(runs[place], seen))

        def draw(count: int) -> list[str]:
            kept = [runs[place] for place in sorted(by_need[:count])]
            lines = drawn(lambda: self._show(replace(seen.selected, runs=kept)))
            more = len(runs) - len(kept)
            return [*lines, *([f"and {more} more"] if more else []), *([_notice(seen.notice)] if seen.notice else [])]

        return fitting(draw, len(runs), height)

    def lines(self, seen: RunsSeen) -> Iterator[str]:
        """Return a line for each change."""
        for text in (seen.notice, seen.waiting):
            self._tell(text)
        for change in seen.changes:
            if self._write is not None:
                yield fit(self._write(change, seen.selected), out().encoding)
            else:
                yield f"{time.strftime('%H:%M:%S')} {change_line(change, self._named)}"

    def is_over(self, seen: RunsSeen) -> bool:
        """Return False: new runs may begin at any time."""
        return False

    def _tell(self, text: str | None) -> None:
        if text is not None and text != self._told:
            self._told = text
            print(f"notice: {text}", file=sys.stderr, flush=True)


def _need(run: ListedRun, seen: RunsSeen) -> int:
    """Rank a run by how much it should stay on the screen."""
    return 0 if run.status == "running" else 1 if run.path in seen.fresh else 2


def _notice(text: str) -> str:
    return coloured_line(f"notice: {text}", sys.stdout)


def change_line(change: RunChange, named: Sequence[str] = ()) -> str:
    """Write what happened to a run.

    Args:
        change: What happened.
        named: Columns whose values are shown; none for the metrics.
    """
    from deepcli.run.columns import age_text, epochs_text

    run = change.run
    epochs, left = epochs_text(run), age_text(run.left)
    parts = [str(run.path)]
    if change.event != "epoch":
        parts.append(run.status if change.event == "ended" else change.event)
    if change.event == "began":
        parts += [f"{run.planned} epochs"] if run.planned else []
    elif change.event != "removed":
        parts += [] if epochs is None else [f"epoch {epochs}"] if isinstance(epochs, str) else [f"{epochs} epochs"]
        parts += [f"{left} left"] if left else []
        values = {name: run.values.get(name) for name in named} if named else run.metrics
        parts += [f"{name} {_figure(value)}" for name, value in values.items() if value is not None]
    return "  ".join(parts)


def _figure(value: object) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)
