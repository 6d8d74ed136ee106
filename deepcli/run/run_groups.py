"""Groups of runs: those of one spec, trained with several seeds."""

from __future__ import annotations

import glob
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepcli.data.fingerprint import compared
from deepcli.data.sources.naming import natural
from deepcli.errors import UsageError
from deepcli.run.directory import RunDir
from deepcli.run.latest import run_path
from deepcli.run.loaded import LoadedRun
from deepcli.run.varied import recorded_origins, varied
from deepcli.spec.paths import with_absolute_paths
from deepcli.spec.trees import flat

if TYPE_CHECKING:
    from deepcli.evaluation.predictions_base import AnyPredictions
    from deepcli.experiment.schema import Experiment

MOST_FIELDS = 8
"""Differing fields that an error lists."""


@dataclass(frozen=True)
class RunGroup:
    """Runs of one spec with different seeds.

    Attributes:
        name: What the group is called: the path, folder or pattern, or the first of several.
        runs: The runs by seed.
    """

    name: str
    runs: Mapping[int, LoadedRun]

    @classmethod
    def read(cls, words: Sequence[str]) -> RunGroup:
        """Read the runs at some paths, patterns and folders.

        Raises:
            UsageError: No runs are found, they are not of one spec, or two have the same seed.
            RunError: A path is not a run.
        """
        paths = list(dict.fromkeys(path for word in words for path in run_paths(word)))
        runs = [LoadedRun.read(path) for path in paths]
        for run in runs[1:]:
            _demand_one_spec(runs[0], run)
        by_seed: dict[int, LoadedRun] = {}
        for run in runs:
            before = by_seed.setdefault(run.experiment.seed, run)
            if before is not run:
                raise UsageError(
                    f"{before.name} and {run.name} have the same seed, {run.experiment.seed}; leave one of them out"
                )
        name = words[0] if len(words) == 1 else f"{words[0]} …"
        return cls(name, dict(sorted(by_seed.items())))

    @property
    def first(self) -> LoadedRun:
        """The run with the smallest seed."""
        return next(iter(self.runs.values()))

    @property
    def experiment(self) -> Experiment:
        """The spec; its seed is that of the first run."""
        return self.first.experiment

    @cached_property
    def predictions(self) -> dict[int, AnyPredictions]:
        """The predictions on the test split by seed.

        Raises:
            RunError: A run has none.
            DataError: They are damaged.
        """
        return {seed: run.predictions() for seed, run in self.runs.items()}

    def figures(self, split: str, name: str) -> dict[int, float]:
        """Return a metric of a split by seed; empty if a run lacks it."""
        results = {seed: run.result for seed, run in self.runs.items()}
        found = {seed: result.metrics.get(split, {}).get(name) for seed, result in results.items() if result}
        known = {seed: value for seed, value in found.items() if value is not None}
        return known if len(known) == len(self.runs) else {}


def run_paths(word: str) -> list[Path]:
    """Return the runs that a word names: a run, a folder of runs, or a pattern such as `runs/a/*`.

    Raises:
        UsageError: A pattern or a folder has no runs.
        RunError: A path is neither a run nor a folder of runs.
    """
    path = run_path(Path(word))
    if not path.exists() and glob.has_magic(word):
        matching = glob.glob(word)  # noqa: PTH207 (a pattern may be absolute, which Path.glob refuses)
        found = [Path(one) for one in sorted(matching, key=natural)]
        runs = [one for one in found if RunDir(one).config.is_file()]
        if not runs:
            why = f"no run matches; it matches {found[0]}" if found else "nothing matches"
            raise UsageError(f"{word}: {why}")
        return runs
    if not path.is_dir() or RunDir(path).config.is_file():
        return [RunDir.open(path).path]
    inside = [one for one in sorted(path.iterdir(), key=lambda one: natural(one.name)) if _is_run(one)]
    if not inside:
        raise UsageError(f"{word} is neither a run nor a folder of runs: no config.yaml in it or in a folder in it")
    return inside


def demand_same_data(first: LoadedRun, second: LoadedRun) -> None:
    """Check that two runs were trained and tested on the same data, as far as they record it.

    Raises:
        UsageError: The data differ.
    """
    marks = compared(first.data, second.data)
    if marks is not None and marks[0] != marks[1]:
        shown = " and ".join(f"{mark[:16]}..." for mark in marks)
        raise UsageError(
            f"{first.name} and {second.name} have different data (SHA-256 {shown}); compare runs that were tested on the "
            "same examples"
        )


def changes(first: LoadedRun, second: LoadedRun) -> dict[str, tuple[Any, Any]]:
    """Return the fields in which the specs of two runs differ other than name, seed and where the data are."""
    pair = (first, second)
    specs = [dict(flat(with_absolute_paths(run.experiment).model_dump(mode="json"))) for run in pair]
    left_out = {"seed", *(f"data.{name}" for run in pair for name in run.experiment.data.path_fields)}
    differing = {key for spec in specs for key in spec if specs[0].get(key) != specs[1].get(key)} - {"name", *left_out}
    told = [key for key in varied(specs, [recorded_origins(run.environment) for run in pair]) if key in differing]
    return {key: (specs[0].get(key), specs[1].get(key)) for key in told or sorted(differing)}


def _is_run(path: Path) -> bool:
    return not path.name.startswith(".") and RunDir(path).config.is_file()


def _demand_one_spec(first: LoadedRun, run: LoadedRun) -> None:
    found = changes(first, run)
    if found:
        lines = [
            f"  {key}: {_shown(was)} in {first.name}, {_shown(now)} in {run.name}" for key, (was, now) in found.items()
        ]
        more = [f"  and {len(lines) - MOST_FIELDS} more"] if len(lines) > MOST_FIELDS else []
        raise UsageError(
            "\n".join(
                [
                    f"{first.name} and {run.name} are in one group, but are runs of different specs:",
                    *lines[:MOST_FIELDS],
                    *more,
                    "a group is one spec trained with several seeds; name the runs of the other spec after --with",
                ]
            )
        )
    demand_same_data(first, run)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
