"""`deepcli runs --watch`: the table of runs, and the lines of what happens to them."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deepcli.cli.answers import fit, out
from deepcli.cli.fitting_tables import print_rows
from deepcli.cli.following import drawn, fitting, follow
from deepcli.cli.runs_table import column_names, named_columns, objects, run_cells
from deepcli.errors import UsageError
from deepcli.system.terminal_colours import line as coloured_line

if TYPE_CHECKING:
    from deepcli.api.comparing import SelectedRuns, Selection
    from deepcli.api.watching import RunsSeen
    from deepcli.run.listing import ListedRun
    from deepcli.run.watched_folders import RunChange

HINT = "Ctrl-C ends the watch"


def watch_runs(folders: Sequence[Path], selection: Selection, columns: str | None, json: bool) -> None:
    """Show the runs in some folders, and what happens to them, until Ctrl-C.

    Args:
        folders: The folders.
        selection: Which runs are shown.
        columns: The columns that were asked for, with commas between them; None for those of any table.
        json: Whether to print a JSON object for each change.

    Raises:
        RunError: A folder does not exist, or was removed.
        UsageError: A condition cannot be read, or no run has what is sorted or filtered by.
    """
    from deepcli.api.watching import RunsWatch

    follow(RunsWatch(folders, selection).look, RunsView(selection, columns, json), json)


class RunsView:
    """The table of runs, and a line for each change; the arguments are those of `watch_runs`."""

    def __init__(self, selection: Selection, columns: str | None, json: bool) -> None:
        self._selection, self._columns, self._json = selection, columns, json
        self._told: str | None = None
        self._ranked: tuple[object, dict[str, int]] = (None, {})

    def table(self, seen: RunsSeen, height: int) -> list[str]:
        """Return the lines of the table, at most `height`; where there are more runs, those stay that train or changed."""
        runs, notice = seen.selected.runs, self._notice(seen)
        if not runs:
            return [f"{notice or seen.waiting}; {HINT}"]
        by_need = sorted(range(len(runs)), key=lambda place: _need(runs[place], seen))

        def draw(count: int) -> list[str]:
            kept = [runs[place] for place in sorted(by_need[:count])]
            lines = drawn(lambda: self._print(kept, self._columns_of(seen.selected)))
            more = len(runs) - len(kept)
            return [
                *lines,
                *([f"and {more} more"] if more else []),
                *([coloured_line(f"notice: {notice}", sys.stdout)] if notice else []),
            ]

        return fitting(draw, len(runs), height)

    def lines(self, seen: RunsSeen) -> Iterator[str]:
        """Return a line for each change."""
        for text in (self._notice(seen), seen.waiting):
            self._tell(text)
        if self._json:
            yield from change_objects(seen)
            return
        for change in seen.changes:
            yield f"{time.strftime('%H:%M:%S')} {change_line(change, column_names(self._columns))}"

    def is_over(self, seen: RunsSeen) -> bool:
        """Return False: new runs may begin at any time."""
        return False

    def _print(self, runs: Sequence[ListedRun], ranks: dict[str, int]) -> None:
        print_rows(list(ranks), run_cells(runs, ranks), ranks=ranks, more="name some with --columns")

    def _columns_of(self, selected: SelectedRuns) -> dict[str, int]:
        """Return the columns with their ranks; those that were asked for stay even if no run has them yet."""
        if self._columns is not None:
            return {name: rank for rank, name in enumerate(["run", *column_names(self._columns)])}
        # In which fields many specs differ takes long to find out, and seldom changes.
        runs = selected.runs
        key = [(run.path, run.spec, run.status, run.left is None, tuple(run.metrics)) for run in runs]
        if key != self._ranked[0]:
            self._ranked = key, named_columns(selected, self._selection, None)
        return self._ranked[1]

    def _notice(self, seen: RunsSeen) -> str | None:
        """Return which value no run has that was asked for; None if all is well.

        Raises:
            UsageError: No run will get it.
        """
        from deepcli.run.selecting import known

        try:
            for name in column_names(self._columns):
                known(name, seen.selected.runs, "--columns")
        except UsageError as error:
            if seen.final:
                raise
            return seen.notice or str(error)
        return seen.notice

    def _tell(self, text: str | None) -> None:
        if text is not None and text != self._told:
            self._told = text
            print(f"notice: {text}", file=sys.stderr, flush=True)


def _need(run: ListedRun, seen: RunsSeen) -> int:
    """Rank a run by how much it should stay on the screen."""
    return 0 if run.status == "running" else 1 if run.path in seen.fresh else 2


def change_objects(seen: RunsSeen) -> Iterator[str]:
    """Return a JSON object for each change, with the fields in which the selected runs differ."""
    from deepcli.cli.json_objects import Runs

    told = objects([change.run for change in seen.changes], seen.selected.runs) if seen.changes else []
    for change, run in zip(seen.changes, told, strict=True):
        known = {"command": "runs", "status": "running", "event": change.event, "runs": [run]}
        yield fit(Runs.model_validate(known).to_json(), out().encoding)


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
