"""MLflow: a run in an experiment, on a server or in a database."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from deepcli.trackers.base import TRACKERS, Log, Tracked, Tracker

STATUSES = {"completed": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}
LONGEST = 6000
"""Longest parameter, in characters."""


@TRACKERS.register
class Mlflow(Tracker):
    """MLflow: parameters, metrics of every epoch, and the status of the run."""

    package: ClassVar[str] = "mlflow"
    extra: ClassVar[str] = "mlflow"

    type: Literal["mlflow"] = "mlflow"
    tracking_uri: str | None = Field(
        None, description="Server or database; null uses MLFLOW_TRACKING_URI or MLflow's default."
    )
    experiment: str = Field("deepcli", description="Experiment that the run belongs to; created if it does not exist.")

    def open(self, run: Tracked) -> Log:
        return _Run(self, run)


class _Run:
    """Writes to one run."""

    def __init__(self, tracker: Mlflow, run: Tracked) -> None:
        from mlflow import MlflowClient
        from mlflow.entities import Param

        self._client = MlflowClient(tracking_uri=tracker.tracking_uri)
        if run.earlier is not None:
            self.id = run.earlier
            self._client.update_run(self.id, status="RUNNING")
            return
        found = self._client.get_experiment_by_name(tracker.experiment)
        experiment = found.experiment_id if found else self._client.create_experiment(tracker.experiment)
        tags = {"deepcli.run": str(run.folder)}
        self.id = self._client.create_run(experiment, run_name=run.name, tags=tags).info.run_id
        fields = list(run.fields.items())
        for start in range(0, len(fields), 100):  # the server's limit per request
            part = [Param(key, str(value)[:LONGEST]) for key, value in fields[start : start + 100]]
            self._client.log_batch(self.id, params=part)

    def epoch(self, epoch: int, row: Mapping[str, float]) -> None:
        self._log(row, epoch)

    def end(self, status: str, test: Mapping[str, float]) -> None:
        if test:
            self._log({f"test_{name}": value for name, value in test.items()}, 0)
        self._client.set_terminated(self.id, STATUSES[status])

    def _log(self, row: Mapping[str, float], step: int) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self._client.log_batch(self.id, [Metric(name, value, now, step) for name, value in row.items()])
