"""A sweep with everything decided: the spec it varies, its space, and the experiment at each of its points."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path
from typing import Any, Literal

from deepcli.errors import Problem, SpecError, UsageError
from deepcli.experiment import load
from deepcli.experiment.merge import Merger
from deepcli.experiment.schema import Experiment
from deepcli.spec import yaml12
from deepcli.spec.paths import with_absolute_paths
from deepcli.spec.registry import did_you_mean
from deepcli.spec.yaml12 import Document, Mark
from deepcli.sweeps.arguments import written
from deepcli.sweeps.space import Point, Seeded, draw, grid, path
from deepcli.sweeps.spec import Candidates, Objective, Sweep, same

FORMAT = 1
DEFAULT_TRIALS = 20
MISSES = 50
"""Draws for each point wanted, before a space counts as exhausted."""

Method = Literal["grid", "random", "bayes"]


@dataclass(frozen=True)
class Plan:
    """What a sweep directory keeps, and workers on other machines read.

    Attributes:
        base: The spec files, laid over one another, without the section `sweep`.
        sweep: The section, with method, metric, trials and failures decided.
        overrides: Words laid over the files at every point.
        plugins: Files or modules that register components.
        folder: Where it was made, to which its paths are relative; empty means the current directory.
        notices: What the user should be told of how it came about.
        document: The same as `base`, with the places where its values stand.
        places: By parameter, where it is written, or where each of its candidates is.
    """

    base: Mapping[str, Any]
    sweep: Sweep
    overrides: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()
    folder: str = ""
    notices: tuple[str, ...] = field(default=(), compare=False)
    document: Document | None = field(default=None, compare=False, repr=False)
    places: Mapping[str, tuple[Mark, ...]] = field(default_factory=dict, compare=False, repr=False)

    @property
    def method(self) -> Method:
        """How points are chosen."""
        return self.sweep.method or "bayes"

    @property
    def metric(self) -> Objective:
        """What decides, with its goal."""
        return self.sweep.metric or Objective(name="val_loss", goal="minimize")

    @property
    def max_trials(self) -> int:
        """Points to try."""
        return self.sweep.max_trials or DEFAULT_TRIALS

    @property
    def max_failures(self) -> int:
        """More failed trials end the sweep."""
        return failures_allowed(self.max_trials) if self.sweep.max_failures is None else self.sweep.max_failures

    @property
    def seeds(self) -> tuple[int, ...]:
        """What is added to the spec's seed, for each run of a point."""
        return tuple(range(self.sweep.seeds)) if isinstance(self.sweep.seeds, int) else self.sweep.seeds

    def experiment(self, point: Point, seed: int | None = None) -> Experiment:
        """Return the spec of one run.

        Args:
            point: The values of the parameters.
            seed: What is added to the spec's own seed.

        Raises:
            SpecError: It cannot be built; the error names the point.
        """
        try:
            return self.build(point, seed)
        except SpecError as error:
            raise SpecError([at_point(problem, point) for problem in error.problems]) from None

    def build(self, point: Point, seed: int | None = None) -> Experiment:
        """Return the spec of one run, as `deepcli train` makes it of the same words.

        Raises:
            SpecError: It cannot be built; the error names the fields alone.
        """
        over = load.words([*self.overrides, *(written(key, value) for key, value in point.items())])
        for key, value in point.items():
            place = path(key)
            over.keys[place] = over.values[place] = self._place(key, value)
        document = Merger().overlay(self.document or Document(dict(self.base)), over)
        if seed:
            own = document.tree.get("seed", 0)
            if isinstance(own, int) and not isinstance(own, bool):
                document.tree = {**document.tree, "seed": own + seed}
        # Workers run in other folders, on other machines.
        return with_absolute_paths(load.validate(document), Path(self.folder).absolute())

    def words(self, point: Point, seed: int | None = None) -> list[str]:
        """Return the overrides with which `deepcli train` trains the same spec."""
        offset = [f"seed={self.experiment(point, seed).seed}"] if seed else []
        return [*self.overrides, *(written(key, value) for key, value in point.items()), *offset]

    def _place(self, key: str, value: Any) -> Mark:
        marks, parameter = self.places.get(key, ()), self.sweep.parameters.get(key)
        if isinstance(parameter, Candidates) and len(marks) == len(parameter.values):
            written_alike = (
                mark for one, mark in zip(parameter.values, marks, strict=True) if same(one) == same(value)
            )
            return next(written_alike, marks[0])
        return marks[0] if marks else Mark("")

    def to_json(self) -> dict[str, Any]:
        """Return a plain dict to store. Specs are YAML inside, where keys may be integers and JSON's may not."""
        return {
            "format": FORMAT,
            "base": yaml12.dump(self.base),
            "sweep": yaml12.dump(self.sweep.model_dump()),
            "overrides": list(self.overrides),
            "plugins": list(self.plugins),
            "folder": self.folder,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Plan:
        """Read what `to_json` returned; plugins are not imported.

        Raises:
            SpecError: It is none of ours, or of a newer version.
        """
        if stored.get("format") != FORMAT:
            raise SpecError([Problem("", "format", f"a stored sweep should be of format {FORMAT}")])
        try:
            base = load.parse(stored["base"], "the stored spec").tree
            section = load.parse(stored["sweep"], "the stored sweep").tree
            sweep = Sweep.model_validate(section)
            folder = str(stored.get("folder", ""))  # older sweeps have none
            return cls(base, sweep, _texts(stored["overrides"]), _texts(stored["plugins"]), folder)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SpecError([Problem("", "", f"a stored sweep is damaged: {error}")]) from None


def _texts(items: Any) -> tuple[str, ...]:
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise TypeError("a list of texts is none")
    return tuple(items)


@dataclass(frozen=True)
class Trial:
    """One run of a plan that needs no study.

    Attributes:
        number: Its place in the plan, from 0.
        point: The values of the parameters.
        seed: What is added to the spec's own seed.
        experiment: The whole spec.
        identity: What it is called by what it is.
    """

    number: int
    point: Point
    seed: int
    experiment: Experiment
    identity: str


def identity(experiment: Experiment) -> str:
    """Name a spec by what it trains: the beginning of a hash of all of it but the name."""
    plain = experiment.model_dump(mode="json", exclude={"name"})
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:12]


def trials(plan: Plan) -> Iterator[Trial]:
    """Yield the runs of a grid, or of points drawn by the sweep's seed alone; two of one spec are one.

    Raises:
        UsageError: The method needs results to choose the next point.
        SpecError: A point cannot be built.
    """
    if plan.method == "bayes":
        raise UsageError(
            "the method bayes chooses each point by the results of those before, so there is no plan beforehand; "
            "take --method random, or let `deepcli sweep run` choose"
        )
    seen: set[str] = set()
    numbers = count()
    for point in points(plan):
        for seed in plan.seeds:
            experiment = plan.experiment(point, seed)
            name = identity(experiment)
            if name not in seen:
                seen.add(name)
                yield Trial(next(numbers), point, seed, experiment, name)


def points(plan: Plan) -> Iterator[Point]:
    """Yield the points of a grid, or as many different ones as are wanted, drawn by the sweep's seed alone."""
    if plan.method == "grid":
        yield from islice(grid(plan.sweep), plan.max_trials)
        return
    base = plan.experiment({})
    seen: set[str] = set()
    for number in range(plan.max_trials * MISSES):
        point = draw(plan.sweep, Seeded(plan.sweep.seed, number), base)
        if same(point) not in seen:
            seen.add(same(point))
            yield point
        if len(seen) == plan.max_trials:
            return


def failures_allowed(trials: int) -> int:
    """Return how many failed trials a sweep bears by default: a tenth of all, at least 3."""
    return max(3, -(-trials // 10))


def at_point(problem: Problem, point: Point) -> Problem:
    """Let a problem name the point that it has."""
    if not point:
        return problem
    words = " ".join(written(key, value) for key, value in point.items())
    if list(point) == [problem.path]:
        return Problem(problem.where, words, problem.message)
    return Problem(problem.where, words, f"{problem.path}: {problem.message}" if problem.path else problem.message)


def metric_problem(name: str, experiment: Experiment) -> str | None:
    """Say why a run's figure cannot decide a sweep; None if it can."""
    if not experiment.data.validation_split:
        return (
            "nothing is held out for validation (data.validation_split is 0), and a sweep decides by that split alone"
        )
    known = [f"val_{measured}" for measured in experiment.measured]
    if name in known:
        return None
    there = f"there are: {', '.join(known)}"
    if name.startswith("test"):
        near = "val" + name.removeprefix("test").replace(" ", "_")
        meant = f"did you mean {near!r}? " if near in known else ""
        return f"{name!r} is of the test split, which no choice may look at; {meant}{there}"
    if name in experiment.measured:
        return f"{name!r} is of the training split; did you mean 'val_{name}'? {there}"
    return f"no run reports {name!r}; {did_you_mean(name, known)}{there}"
