"""The lines of `sweep plan`: each describes one run completely, so that it can be trained on any machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepcli.errors import RunError, UsageError
from deepcli.experiment import load
from deepcli.experiment.schema import Experiment
from deepcli.result import Result
from deepcli.run.directory import RunDir
from deepcli.run.resuming import skip
from deepcli.sweeps.plan import Plan, Trial, identity
from deepcli.sweeps.space import Point
from deepcli.system.atomic import write_text

KEPT = ("trial", "number", "point", "seed", "metric", "goal")


def line(plan: Plan, trial: Trial) -> str:
    """Return a run of a plan as one line of JSON."""
    fields = {
        "trial": trial.identity,
        "number": trial.number,
        "point": trial.point,
        "seed": trial.experiment.seed,
        "metric": plan.metric.name,
        "goal": plan.metric.goal,
        "overrides": plan.words(trial.point, trial.seed),
        "spec": load.dump(trial.experiment),
    }
    return json.dumps(fields, ensure_ascii=False)


@dataclass(frozen=True)
class PlannedRun:
    """One run of a plan.

    Attributes:
        trial: The run's identity: a hash of the whole spec.
        number: Its position in the plan, from 0.
        point: The values of the parameters.
        seed: The spec's seed.
        metric: The metric that the sweep optimizes.
        goal: Whether to minimize or maximize it.
    """

    trial: str
    number: int
    point: Point
    seed: int
    metric: str
    goal: str

    @classmethod
    def read(cls, text: str) -> tuple[PlannedRun, Experiment]:
        """Read a line of `sweep plan`; return the planned run and its spec.

        Raises:
            UsageError: The text is not such a line, or was changed.
            SpecError: The spec is from another version, or needs a plugin that is not given.
        """
        try:
            fields = dict(json.loads(text))
            planned, spec = _kept(fields), fields["spec"]
            if not isinstance(spec, str):
                raise TypeError
        except (ValueError, TypeError, KeyError):
            told = text.strip()[:60] or "nothing"
            raise UsageError(f"should be a line that `deepcli sweep plan` printed, not {told}") from None
        experiment = load.validate(load.parse(spec, f"trial {planned.trial}"))
        if identity(experiment) != planned.trial:
            raise UsageError(
                f"the line of trial {planned.trial} was changed, or is from another version of deepcli: its spec is that "
                f"of {identity(experiment)}"
            )
        return planned, experiment

    def run(self, folder: Path) -> RunDir:
        """Return the run's directory in the folder of all trials."""
        return RunDir(folder / self.trial)

    def finished(self, folder: Path, experiment: Experiment) -> Result | None:
        """Return the run's result if it is completed, else None.

        Raises:
            RunError: The run in its directory was trained with another spec.
        """
        run = self.run(folder)
        result = run.result()
        return skip(run, experiment) if result is not None and result.status == "completed" else None

    def keep(self, folder: Path) -> None:
        """Write a file next to the run with what `sweep collect` needs to know.

        Raises:
            RunError: The folder cannot be created.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"cannot write {folder}: {error.strerror or error}") from None
        fields = {name: getattr(self, name) for name in KEPT}
        write_text(folder / f"{self.trial}.json", json.dumps(fields, ensure_ascii=False) + "\n")


def planned_runs(folder: Path) -> list[PlannedRun]:
    """Find the runs of a plan that were started in a folder, in the order of the plan.

    Raises:
        RunError: The folder has no such runs.
    """
    found = []
    for file in sorted(folder.glob("*.json")) if folder.is_dir() else []:
        try:
            planned = _kept(dict(json.loads(file.read_text(encoding="utf-8"))))
        except (OSError, ValueError, TypeError, KeyError):
            continue
        if planned.trial == file.stem:
            found.append(planned)
    if not found:
        raise RunError(f"{folder} has no trials of a plan; train one with: deepcli sweep trial LINE --output {folder}")
    return sorted(found, key=lambda planned: planned.number)


def _kept(fields: Mapping[str, Any]) -> PlannedRun:
    kinds = {"trial": str, "number": int, "point": dict, "seed": int, "metric": str, "goal": str}
    if any(not isinstance(fields[name], kind) for name, kind in kinds.items()):
        raise TypeError
    return PlannedRun(**{name: fields[name] for name in KEPT})
