"""A run as an overview page shows it: its figures at its best epoch, how far it is, and why it has not finished."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from deepcli.run.columns import GOING
from deepcli.run.listing import ListedRun
from deepcli.run.loaded import LoadedRun

if TYPE_CHECKING:
    from deepcli.experiment.schema import Experiment

ENDS = {
    "early_stopping": "early stopping", "max_steps": "max_steps", "time": "time limit", "callback": "stopped", "pruned": "pruned",
}  # fmt: skip
"""How a run ended that did not train all its epochs, in words."""
INTERRUPTED = "interrupted"
"""How the last line of the log of a run begins that a signal stopped."""


@dataclass(frozen=True)
class ReportedRun:
    """A run on an overview page.

    Attributes:
        name: What the page calls it: its path from the page's folder.
        listed: The run as `deepcli runs` lists it.
        loaded: The run; None if it cannot be read.
        address: The address of its page from the overview; None if it has none.
        problem: Why it cannot be read; None if it can.
        resume: The command that continues it.
    """

    name: str
    listed: ListedRun
    loaded: LoadedRun | None = None
    address: str | None = None
    problem: str | None = None
    resume: str = ""

    @property
    def experiment(self) -> Experiment:
        """The spec of a run that can be read."""
        assert self.loaded is not None
        return self.loaded.experiment

    @property
    def is_done(self) -> bool:
        """Whether the run has ended by itself, so that its figures are those of its best weights."""
        return self.listed.status == "completed"

    @property
    def seed(self) -> int:
        """The seed."""
        return self.experiment.seed

    @property
    def has_predictions(self) -> bool:
        """Whether it has predictions of the test split that can be read, by which it can be compared."""
        return self.problem is None and self.loaded is not None and self.loaded.run.predictions("test").is_file()

    @cached_property
    def best_row(self) -> Mapping[str, float]:
        """The epoch with the best value of the monitored metric so far; empty before the first."""
        assert self.loaded is not None
        monitor = self.experiment.monitor
        rows = [row for row in self.loaded.history if row.get(monitor) == row.get(monitor) and monitor in row]
        choose = max if self.experiment.mode(monitor) == "max" else min
        return choose(rows, key=lambda row: row[monitor]) if rows else {}

    @cached_property
    def figures(self) -> dict[str, float | None]:
        """The metrics by column; of a run that has not ended, those of its best epoch so far."""
        if self.is_done or self.loaded is None:
            return dict(self.listed.metrics)
        so_far = {name: value for name, value in self.best_row.items() if name.startswith("val_")}
        return {**self.listed.metrics, **so_far}

    @property
    def best_epoch(self) -> int | None:
        """The best epoch, so far if the run has not ended."""
        if self.listed.best_epoch is not None or self.loaded is None:
            return self.listed.best_epoch
        return int(self.best_row["epoch"]) if self.best_row else None

    @property
    def epochs(self) -> int:
        """Epochs trained so far."""
        if self.listed.epochs is not None or self.loaded is None:
            return self.listed.epochs or 0
        return len(self.loaded.history)

    @property
    def far(self) -> str:
        """The epochs: `20`, or `4 of 30`."""
        planned = self.listed.planned
        return str(self.epochs) if planned in (None, self.epochs) else f"{self.epochs} of {planned}"

    @property
    def status(self) -> str:
        """How the run stands, in a word or two."""
        if self.listed.status == "running":
            return "running now"
        if self.is_done and self.loaded is not None and self.loaded.result is not None:
            return ENDS.get(self.loaded.result.ended or "", "completed")
        if self.listed.status == "unfinished" and self._last_line.startswith(INTERRUPTED):
            return INTERRUPTED
        return self.listed.status

    @property
    def why(self) -> str:
        """Why the run has not completed, in a sentence or two."""
        far = f"epoch {self.far}" if self.epochs else "no epoch completed"
        if self.problem is not None:
            return self.problem
        if self.listed.status == "running":
            return f"being trained now: {far}"
        result = self.loaded.result if self.loaded else None
        if result is not None:
            return f"{result.status} ({far}): {result.error or 'no reason is recorded'}"
        last = self._last_line
        if last.startswith(INTERRUPTED):
            return last.partition("; continue with:")[0]
        seen = f"; the last line of train.log: {last}" if last else ""
        return f"ended without a result ({far}), as when a process is killed or the power fails{seen}"

    @cached_property
    def _last_line(self) -> str:
        """Return the last line of the log, without its time; empty if there is none."""
        if self.loaded is None:
            return ""
        try:
            with self.loaded.run.log.open("rb") as stream:
                stream.seek(max(0, stream.seek(0, 2) - 4096))
                lines = stream.read().decode("utf-8", "replace").strip().splitlines()
        except OSError:
            return ""
        return lines[-1][len("2026-01-31 12:00:00 ") :] if lines else ""


def is_unfinished(run: ReportedRun) -> bool:
    """Return whether a run has not completed, or cannot be read."""
    return run.problem is not None or run.listed.status in (*GOING, "failed", "interrupted", "damaged")
