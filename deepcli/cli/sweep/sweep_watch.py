"""`deepcli sweep status --watch`: the table of a sweep's trials, and the lines of what happens to them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from deepcli.cli.answers import fit, out
from deepcli.cli.following import drawn, fitting

if TYPE_CHECKING:
    from deepcli.api.sweep_watching import SweepSeen
    from deepcli.sweeps.ranking import RankedTrial


class TrialsView:
    """The table of trials, and a line for each change.

    Args:
        json: Whether a line is the sweep's whole JSON object.
        best: How many trials the table has beside those that are being trained.
    """

    def __init__(self, json: bool, best: int) -> None:
        self._json, self._best = json, best
        self._written: dict[str, Any] = {}

    def table(self, seen: SweepSeen, height: int) -> list[str]:
        """Return the lines of the table, at most `height`: the trials that are being trained, and the best."""
        from deepcli.cli import render

        rows = seen.now.rows
        by_need = sorted(range(len(rows)), key=lambda place: rows[place].state != "running")
        running = sum(row.state == "running" for row in rows)
        shown = min(len(rows), running + self._best)

        def draw(count: int) -> list[str]:
            kept = [rows[place] for place in sorted(by_need[:count])]
            lines = drawn(lambda: render.ranking(seen.now.outcome, kept))
            more = len(rows) - len(kept)
            return [*lines, *([f"and {more} more"] if more else [])]

        return fitting(draw, shown, height)

    def lines(self, seen: SweepSeen) -> Iterator[str]:
        """Return a line for each trial with which something happened, or the JSON object if it has changed."""
        if self._json:
            outcome = seen.now.outcome
            facts = outcome.model_dump(exclude={"seconds"})
            if facts != self._written:
                self._written = facts
                yield fit(outcome.to_json(), out().encoding)
            return
        for row in seen.changed:
            yield f"{time.strftime('%H:%M:%S')} {self._line(row, seen)}"

    def is_over(self, seen: SweepSeen) -> bool:
        """Return whether no trial is left to train, and the best one is evaluated."""
        outcome = seen.now.outcome
        return outcome.status in ("completed", "failed") and (outcome.best is None or bool(outcome.best.test))

    def _line(self, row: RankedTrial, seen: SweepSeen) -> str:
        from deepcli.api.sweep_progress import best_trial, trial_line

        line = trial_line(row, seen.now.outcome.metric or "value", row.number == best_trial(seen.now.rows))
        return f"{line}  epoch {row.epochs}" if row.state == "running" and row.epochs else line
