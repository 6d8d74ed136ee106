"""A run that is there, read whole: spec, curves, figures, predictions."""

from __future__ import annotations

import csv
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepcli.errors import DataError, Problem, RunError, SpecError
from deepcli.experiment.load import load
from deepcli.result import Result
from deepcli.run.directory import RunDir

if TYPE_CHECKING:
    from deepcli.evaluation.predictions import Predictions
    from deepcli.experiment.schema import Experiment

MAX_BYTES = 64 << 20


@dataclass(frozen=True)
class LoadedRun:
    """A run as it was left.

    Attributes:
        run: Its directory.
        experiment: Its spec.
        result: How it ended; None if it has not.
        environment: What it ran on.
    """

    run: RunDir
    experiment: Experiment
    result: Result | None
    environment: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> LoadedRun:
        """Read a run.

        Raises:
            RunError: It is none, or its environment is damaged.
            SpecError: Its spec is of a plugin that is not given, or damaged.
        """
        run = RunDir.open(path)
        try:
            environment = dict(json.loads(run.environment.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            raise RunError(f"{run.environment} is missing or damaged") from None
        try:
            experiment = load([run.config]).experiment
        except SpecError as error:
            if not (plugins := environment.get("plugins")):
                raise
            words = " ".join(f"--plugin {shlex.quote(str(plugin))}" for plugin in plugins)
            hint = f"the run was trained with {words}, which is imported only if you give it again"
            raise SpecError([*error.problems, Problem(str(run.path), "", hint)]) from None
        return cls(run, experiment, run.result(), environment)

    @property
    def name(self) -> str:
        """What to call it beside others: its path as given."""
        return str(self.run.path)

    @property
    def data(self) -> Mapping[str, Any]:
        """What is kept of the data that it was trained on; empty if nothing is."""
        data = self.environment.get("data")
        return data if isinstance(data, Mapping) else {}

    @cached_property
    def history(self) -> Sequence[Mapping[str, float]]:
        """A row for each epoch.

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
                return [{name: float(value) for name, value in row.items()} for row in reader]
        except (OSError, ValueError, TypeError, AttributeError, csv.Error):
            raise RunError(f"{path} is damaged: it should be a table of numbers, a row an epoch") from None

    @property
    def columns(self) -> dict[str, list[float]]:
        """Each column of the history by name; epochs are counted from 1."""
        names = list(self.history[0]) if self.history else []
        columns = {name: [row[name] for row in self.history] for name in names}
        return {name: list(map(int, values)) if name == "epoch" else values for name, values in columns.items()}

    @property
    def curves(self) -> dict[str, list[float]]:
        """Each column of the history but the seconds, by name."""
        names = [name for name in (self.history[0] if self.history else {}) if name not in ("epoch", "seconds")]
        return {name: [row[name] for row in self.history] for name in names}

    @property
    def curve_names(self) -> list[str]:
        """What has a curve of its own: the metrics, and last the learning rate; validation goes with its metric."""
        return sorted((name for name in self.curves if not name.startswith("val_")), key="learning_rate".__eq__)

    def predictions(self, split: str = "test") -> Predictions:
        """Read what the best weights said of a split.

        Raises:
            RunError: There are no predictions.
            DataError: They are damaged.
        """
        from deepcli.evaluation.predictions import Predictions

        path = self.run.predictions(split)
        if not path.is_file():
            raise RunError(f"{path} is not there; `deepcli evaluate {self.run.path} --split {split}` writes it")
        if path.is_symlink():
            raise DataError(f"{path} is a symbolic link, which no run has")
        return Predictions.load(path)

    def figures(self) -> dict[str, float | None]:
        """Its metrics, as `deepcli runs` names them: `val_loss`, `test_accuracy` and so on."""
        named = {"train": "train_", "validation": "val_", "test": "test_"}
        metrics = self.result.metrics if self.result else {}
        return {
            f"{prefix}{name}": value
            for split, prefix in named.items()
            for name, value in metrics.get(split, {}).items()
        }
