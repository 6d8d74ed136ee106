"""A run as an overview page shows it: its figures at its best epoch, how far it is, and why it has not finished."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from deepcli.run.columns import GOING
from deepcli.run.listing import ListedRun
from deepcli.run.loaded import LoadedRun
from deepcli.run.run_state import RunState

if TYPE_CHECKING:
    from deepcli.experiment.schema import Experiment

ENDS = {
    "early_stopping": "early stopping", "max_steps": "max_steps", "time": "time limit", "callback": "stopped", "pruned": "pruned",
}  # fmt: skip
"""How a run ended that did not train all its epochs, in words."""


@dataclass(frozen=True)
class ReportedRun:
    """A run on an overview page.

    Attributes:
        name: What the page calls it: its path from the page's folder.
        listed: The run as `deepcli runs` lists it.
        loaded: The run; None if it cannot be read.
        address: The address of its page from the overview; None if it has none.
        problem: Why it cannot be read; None if it can.
        state: Where the run stands; None if it cannot be read.
    """

    name: str
    listed: ListedRun
    loaded: LoadedRun | None = None
    address: str | None = None
    problem: str | None = None
    state: RunState | None = None

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
    def figures(self) -> dict[str, float | None]:
        """The metrics by column; of a run that has not ended, those of its best epoch so far."""
        if self.is_done or self.loaded is None:
            return dict(self.listed.metrics)
        row: Mapping[str, float] = next((row for row in self.loaded.history if row["epoch"] == self.best_epoch), {})
        so_far = {name: value for name, value in row.items() if name.startswith("val_")}
        return {**self.listed.metrics, **so_far}

    @property
    def best_epoch(self) -> int | None:
        """The best epoch, so far if the run has not ended."""
        return self.loaded.best_epoch if self.loaded is not None else self.listed.best_epoch

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
        if self.is_done and self.loaded is not None and self.loaded.result is not None:
            return ENDS.get(self.loaded.result.ended or "", "completed")
        return self.listed.status if self.state is None or self.problem is not None else self.state.status

    @property
    def why(self) -> str:
        """Why the run has not completed, or cannot be read."""
        if self.problem is not None or self.state is None:
            return self.problem or ""
        best = f"; best so far: {self.state.best}" if self.state.best else ""
        return f"{self.state.status}, {self.state.far}: {self.state.why}{best}"

    @property
    def resume(self) -> str:
        """The command that continues it; empty if there is none."""
        return self.state.resume if self.state is not None else ""


def is_unfinished(run: ReportedRun) -> bool:
    """Return whether a run has not completed, or cannot be read."""
    return run.problem is not None or run.listed.status in (*GOING, "failed", "interrupted", "damaged")
