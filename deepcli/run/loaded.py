"""Read a finished or unfinished run: spec, result, learning curves and predictions."""

from __future__ import annotations

import csv
import json
import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepcli.data.sources.known_schemas import carrying
from deepcli.errors import DataError, Problem, RunError, SpecError
from deepcli.experiment.load import load
from deepcli.result import Result
from deepcli.run.directory import RunDir

if TYPE_CHECKING:
    from deepcli.evaluation.predictions_base import AnyPredictions
    from deepcli.experiment.schema import Experiment

MAX_BYTES = 64 << 20
MOST_EPOCHS = 10**9


@dataclass(frozen=True)
class LoadedRun:
    """A run read from its directory.

    Attributes:
        run: The run directory.
        experiment: The spec.
        result: The result; None if the run has not ended.
        environment: The content of `environment.json`.
    """

    run: RunDir
    experiment: Experiment
    result: Result | None
    environment: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> LoadedRun:
        """Read a run.

        Raises:
            RunError: The path is not a run, or its environment is damaged.
            SpecError: The spec is damaged, or needs a plugin that is not given.
        """
        run = RunDir.open(path)
        try:
            environment = dict(json.loads(run.environment.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            raise RunError(f"{run.environment} is missing or damaged") from None
        try:
            with carrying(run.data_schema()):
                experiment = load([run.config]).experiment
        except SpecError as error:
            if not (plugins := environment.get("plugins")):
                raise
            words = " ".join(f"--plugin {shlex.quote(str(plugin))}" for plugin in plugins)
            hint = f"the run was trained with {words}, so add that to the command"
            raise SpecError([*error.problems, Problem(str(run.path), "", hint)]) from None
        return cls(run, experiment, run.result(), environment)

    @property
    def name(self) -> str:
        """The name to show: the path as given."""
        return str(self.run.path)

    @property
    def data(self) -> Mapping[str, Any]:
        """The description of the training data; empty if the run has none."""
        data = self.environment.get("data")
        return data if isinstance(data, Mapping) else {}

    @cached_property
    def history(self) -> Sequence[Mapping[str, float]]:
        """The rows of `history.csv`, one for each epoch.

        Raises:
            RunError: The file is damaged.
        """
        path = self.run.history
        if not path.is_file():
            return []
        try:
            if path.stat().st_size > MAX_BYTES:
                raise ValueError
            with path.open(encoding="utf-8", newline="") as file:
                reader = csv.DictReader(file)
                rows = [{name: float(value) for name, value in row.items()} for row in reader]
            if "epoch" not in (reader.fieldnames or ["epoch"]):
                raise ValueError
            if not all(row["epoch"].is_integer() and 1 <= row["epoch"] <= MOST_EPOCHS for row in rows):
                raise ValueError
            return rows
        except (OSError, ValueError, KeyError, TypeError, AttributeError, csv.Error):
            raise RunError(f"{path} is damaged: it should be a table of numbers with one row per epoch") from None

    @property
    def columns(self) -> dict[str, list[float]]:
        """Each column of the history by name; epochs are counted from 1."""
        names = list(self.history[0]) if self.history else []
        columns = {name: [row[name] for row in self.history] for name in names}
        return {name: list(map(int, values)) if name == "epoch" else values for name, values in columns.items()}

    @property
    def curves(self) -> dict[str, list[float]]:
        """The columns of the history by name, without epoch and seconds."""
        names = [name for name in (self.history[0] if self.history else {}) if name not in ("epoch", "seconds")]
        return {name: [row[name] for row in self.history] for name in names}

    @property
    def curve_names(self) -> list[str]:
        """The names of the curves to draw: the metrics, then the learning rate; validation belongs to its metric."""
        return sorted((name for name in self.curves if not name.startswith("val_")), key="learning_rate".__eq__)

    @property
    def best_epoch(self) -> int | None:
        """The best epoch, counted from 1; of a run that has not ended, the best so far. None without a finite value."""
        if self.result is not None and self.result.best_epoch is not None:
            return self.result.best_epoch
        monitor = self.experiment.monitor
        values = {int(row["epoch"]): row[monitor] for row in self.history if math.isfinite(row.get(monitor, math.nan))}
        best = max if self.experiment.mode(monitor) == "max" else min
        return best(values, key=values.__getitem__, default=None)

    def predictions(self, split: str = "test") -> AnyPredictions:
        """Read the predictions of the best weights for a split.

        Raises:
            RunError: The run has no predictions for the split.
            DataError: The predictions are damaged.
        """
        from deepcli.evaluation.predictions_file import load_predictions

        path = self.run.predictions(split)
        if not path.is_file():
            raise RunError(f"{path}: no such file; create it with: deepcli evaluate {self.run.path} --split {split}")
        if path.is_symlink():
            raise DataError(f"{path} is a symbolic link; a run's own files never are")
        return load_predictions(path)

    def figures(self) -> dict[str, float | None]:
        """Return the metrics, named as by `deepcli runs`: `val_loss`, `test_accuracy` and so on; then the baselines."""
        if self.result is None:
            return {}
        named = {"train": "train_", "validation": "val_", "test": "test_"}
        figures = {
            f"{prefix}{name}": value
            for split, prefix in named.items()
            for name, value in self.result.metrics.get(split, {}).items()
        }
        return figures | self.result.beside
