"""How a sweep's progress is shown: a live table on a terminal, a bar in a notebook, one line per trial elsewhere."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from deepcli.api.display import ProgressBar
from deepcli.api.progress import in_notebook
from deepcli.sweeps.arguments import written
from deepcli.sweeps.outcome import counts
from deepcli.sweeps.ranking import ENDED, RankedTrial

if TYPE_CHECKING:
    from deepcli.sweeps.engines.engine import WorkerJob
    from deepcli.sweeps.plan import Plan

MOST_RUNNING = 16


class SweepView:
    """A view that shows nothing.

    Args:
        plan: The sweep's plan.
        size: The planned number of trials.
    """

    def __init__(self, plan: Plan, size: int) -> None:
        self._metric, self._size = plan.metric.name, size
        self._began = time.monotonic()
        self._told: set[int] | None = None
        self._jobs = ""

    def show(self, rows: Sequence[RankedTrial], jobs: Sequence[WorkerJob] = ()) -> None:
        """Show the sweep's progress.

        Args:
            rows: The trials, ordered by rank.
            jobs: The jobs of the engine that runs the workers.
        """

    def end(self) -> None:
        """Stop showing progress."""

    def _new(self, rows: Sequence[RankedTrial]) -> list[RankedTrial]:
        """Return the trials that have ended since the last call, without those of an earlier command."""
        ended = {row.number: row for row in rows if row.state in ENDED}
        if self._told is None:
            self._told, self._before = set(ended), len(ended)
        fresh = [ended[number] for number in sorted(set(ended) - self._told)]
        self._told |= set(ended)
        return fresh

    def _progress(self, rows: Sequence[RankedTrial]) -> str:
        """Format the number of trials in each state, and the remaining time."""
        found = counts(rows)
        done = sum(found[state] for state in ENDED)
        parts = [f"{done} of {self._size} trials"]
        parts += [f"{found[state]} {state}" for state in ("running", "interrupted", "pruned", "failed") if found[state]]
        parts += [self._jobs] if self._jobs else []
        fresh, seconds = done - self._before, time.monotonic() - self._began
        if fresh and done < self._size:
            left = seconds / fresh * (self._size - done)
            parts.append(f"ETA {time.strftime('%H:%M:%S', time.gmtime(left))}")
        return ", ".join(parts)


class PlainSweepView(SweepView):
    """Prints one line when a trial ends, and when the jobs change."""

    def show(self, rows: Sequence[RankedTrial], jobs: Sequence[WorkerJob] = ()) -> None:
        if (line := job_line(jobs)) not in ("", self._jobs):
            self._jobs = line
            print(line, file=sys.stderr, flush=True)
        for row in self._new(rows):
            print(trial_line(row, self._metric, row.number == best_trial(rows)), file=sys.stderr, flush=True)


class TerminalSweepView(SweepView):
    """Shows a table of running trials below the lines of ended ones."""

    def __init__(self, plan: Plan, size: int) -> None:
        super().__init__(plan, size)
        from rich.console import Console
        from rich.live import Live

        self._console = Console(stderr=True, highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._live.start()

    def show(self, rows: Sequence[RankedTrial], jobs: Sequence[WorkerJob] = ()) -> None:
        self._jobs = job_line(jobs)
        for row in self._new(rows):
            self._console.print(
                trial_line(row, self._metric, row.number == best_trial(rows)), markup=False, soft_wrap=True
            )
        self._live.update(self._table(rows), refresh=True)

    def _table(self, rows: Sequence[RankedTrial]) -> Any:
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in ("running", "epochs", self._metric, "parameters"):
            table.add_column(column, overflow="fold")
        running = sorted((row for row in rows if row.state == "running"), key=lambda row: row.number)
        for row in running[:MOST_RUNNING]:
            value = "" if row.value is None else f"{row.value:.4f}"
            what = " ".join(written(key, value) for key, value in row.point.items())
            table.add_row(*map(Text, (f"trial {row.number}", str(row.epochs), value, what)))
        lines: list[Any] = [table] if running else []
        lines.append(Text(self._progress(rows)))
        if best_trial(rows) is not None:
            lines.append(Text("best so far: " + trial_line(rows[0], self._metric, best=False), style="bold"))
        return Group(*lines)

    def end(self) -> None:
        self._live.stop()


class NotebookSweepView(SweepView):
    """Keeps one output of the cell up to date: a line per ended trial, and a bar."""

    def __init__(self, plan: Plan, size: int) -> None:
        super().__init__(plan, size)
        from deepcli.api.notebook import NotebookReporter

        self._output = NotebookReporter()
        self._shown: ProgressBar | None = None

    def show(self, rows: Sequence[RankedTrial], jobs: Sequence[WorkerJob] = ()) -> None:
        """Add the lines of ended trials, and move the bar."""
        self._jobs = job_line(jobs)
        for row in self._new(rows):
            self._output.note(trial_line(row, self._metric, row.number == best_trial(rows)))
        ended = sum(row.state in ENDED for row in rows)
        bar = ProgressBar(self._progress(rows), ended, self._size)
        if bar != self._shown:
            self._shown = bar
            self._output.below(bar)

    def end(self) -> None:
        """Remove the bar."""
        self._output.end()


def make_view(plan: Plan, size: int, quiet: bool) -> SweepView:
    """Choose a view: a silent one, HTML in a notebook, a live table on a terminal, or plain lines."""
    if quiet:
        return SweepView(plan, size)
    if in_notebook():
        return NotebookSweepView(plan, size)
    return TerminalSweepView(plan, size) if sys.stderr.isatty() else PlainSweepView(plan, size)


def trial_line(row: RankedTrial, metric: str, best: bool) -> str:
    """Format a trial as one line.

    Args:
        row: The trial.
        metric: What the sweep optimizes.
        best: Whether it is the best so far.
    """
    what = " ".join(written(key, value) for key, value in row.point.items())
    value = f"{metric} {row.value:.4f}  " if row.value is not None and row.state != "failed" else ""
    ending = f"  {row.error}" if row.error else ""
    same = f"  (the same as trial {row.same_as})" if row.same_as is not None else ""
    seconds = f"  {row.seconds:.1f}s" if row.seconds is not None else ""
    return f"trial {row.number:<3} {row.state:<9}  {value}{what}{seconds}{same}{ending}{'  best' if best else ''}"


def job_line(jobs: Sequence[WorkerJob]) -> str:
    """Count the jobs in each state: `jobs: 3 running, 1 pending`; an empty string without jobs."""
    states = Counter(job.state for job in jobs)
    return "jobs: " + ", ".join(f"{count} {state}" for state, count in states.most_common()) if states else ""


def best_trial(rows: Sequence[RankedTrial]) -> int | None:
    """Return the number of the best trial; None if none is completed."""
    return rows[0].number if rows and rows[0].state == "completed" else None
