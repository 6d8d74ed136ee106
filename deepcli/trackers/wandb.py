"""Weights & Biases: a run in a project, online or in local files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from deepcli.trackers.base import TRACKERS, Log, Tracked, Tracker

EXIT_CODES = {"completed": 0, "failed": 1, "interrupted": 255}


@TRACKERS.register
class Wandb(Tracker):
    """Weights & Biases: the spec, metrics of every epoch, and the status of the run; its files are in the run's folder."""

    package: ClassVar[str] = "wandb"
    extra: ClassVar[str] = "wandb"

    type: Literal["wandb"] = "wandb"
    project: str = Field("deepcli", description="Project that the run belongs to.")
    entity: str | None = Field(None, description="Owner of the project; null means the user who is logged in.")
    mode: Literal["online", "offline"] | None = Field(
        None, description="Upload, or only write local files; null uses WANDB_MODE, by default online."
    )

    def open(self, run: Tracked) -> Log:
        return _Run(self, run)


class _Run:
    """Writes to one run."""

    def __init__(self, tracker: Wandb, run: Tracked) -> None:
        import wandb

        self._run = wandb.init(
            project=tracker.project,
            entity=tracker.entity,
            mode=tracker.mode,
            name=run.name,
            id=run.earlier,
            resume="allow",
            dir=str(run.folder),
            config=dict(run.spec),
            settings=wandb.Settings(console="off", silent=True, disable_git=True, disable_code=True),
        )
        self.id: str = self._run.id

    def epoch(self, epoch: int, row: Mapping[str, float]) -> None:
        self._run.log({"epoch": epoch, **row}, step=epoch)

    def end(self, status: str, test: Mapping[str, float]) -> None:
        for name, value in test.items():
            self._run.summary[f"test_{name}"] = value
        self._run.finish(exit_code=EXIT_CODES[status])
