"""The plan of a sweep: the spec, the settings with all defaults filled in, and the experiment at each point."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count, islice
from pathlib import Path
from typing import Any, Literal

from deepcli.errors import Problem, SpecError, UsageError
from deepcli.experiment import load
from deepcli.experiment.merge import Merger
from deepcli.experiment.origins import origins
from deepcli.experiment.schema import Experiment
from deepcli.spec import yaml12
from deepcli.spec.paths import with_absolute_paths
from deepcli.spec.spelling import did_you_mean
from deepcli.spec.yaml12 import Document, Mark
from deepcli.sweeps.arguments import written
from deepcli.sweeps.space import Point, Seeded, draw, grid, path
from deepcli.sweeps.spec import Candidates, Objective, Sweep, same

FORMAT = 1
DEFAULT_TRIALS = 20
OF_SWEEP = "the sweep"
"""Where the values of a sweep's parameters were written."""
MISSES = 50
"""Number of samples per requested point before a space counts as exhausted."""

Method = Literal["grid", "random", "bayes"]


@dataclass(frozen=True)
class Plan:
    """The plan that a sweep directory stores, for workers on any machine.

    Attributes:
        base: The merged spec files, without the section `sweep`.
        sweep: The section `sweep`, with method, metric, trials and failures filled in.
        overrides: Overrides that apply at every point.
        plugins: Files or modules that register components.
        folder: The directory that paths are relative to; empty means the current directory.
        notices: Notices to show to the user.
        document: The same as `base`, with the positions of its values in their files.
        places: By parameter, its position in its file, or the positions of its candidates.
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
        """The method that chooses points."""
        return self.sweep.method or "bayes"

    @property
    def metric(self) -> Objective:
        """The metric to optimize, with its goal."""
        return self.sweep.metric or Objective(name="val_loss", goal="minimize")

    @property
    def max_trials(self) -> int:
        """The number of points to try."""
        return self.sweep.max_trials or DEFAULT_TRIALS

    @property
    def max_failures(self) -> int:
        """The number of failed trials above which the sweep stops."""
        return failures_allowed(self.max_trials) if self.sweep.max_failures is None else self.sweep.max_failures

    @property
    def seeds(self) -> tuple[int, ...]:
        """For each run of a point, the number to add to the spec's seed."""
        return tuple(range(self.sweep.seeds)) if isinstance(self.sweep.seeds, int) else self.sweep.seeds

    def experiment(self, point: Point, seed: int | None = None) -> Experiment:
        """Return the spec of one run.

        Args:
            point: The values of the parameters.
            seed: A number to add to the spec's seed.

        Raises:
            SpecError: The spec is invalid; the error names the point.
        """
        try:
            return self.build(point, seed)
        except SpecError as error:
            raise SpecError([at_point(problem, point) for problem in error.problems]) from None

    def build(self, point: Point, seed: int | None = None) -> Experiment:
        """Return the spec of one run, the same as `deepcli train` with the same arguments.

        Raises:
            SpecError: The spec is invalid; the error names only the fields.
        """
        document = self._document(point)
        if seed:
            own = document.tree.get("seed", 0)
            if isinstance(own, int) and not isinstance(own, bool):
                document.tree = {**document.tree, "seed": own + seed}
        # Workers may run in other folders.
        return with_absolute_paths(load.validate(document), Path(self.folder).absolute())

    def origins(self, point: Point) -> dict[str, str]:
        """Return where each value of a run's spec was written, by dotted key: in the sweep's spec, or by the sweep."""
        document = self._document(point)
        document.values |= {path(key): Mark(OF_SWEEP) for key in point}
        return {**origins(document, "the spec of the sweep"), **({"seed": OF_SWEEP} if len(self.seeds) > 1 else {})}

    def _document(self, point: Point) -> Document:
        """Return the spec at a point, with the place of each value that has one."""
        words = [*self.overrides, *(written(key, value) for key, value in point.items())]
        document = load.apply(Merger(), self.document or Document(dict(self.base)), words)
        for key, value in point.items():
            place = path(key)
            document.keys[place] = document.values[place] = replace(self._place(key, value), varies=True)
        return document

    def words(self, point: Point, seed: int | None = None) -> list[str]:
        """Return the overrides for `deepcli train` that give the same spec."""
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
        """Return the plan as JSON values; specs are stored as YAML text, as their keys may be integers."""
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
        """Restore a plan that `to_json` returned; plugins are not imported.

        Raises:
            SpecError: The plan is damaged, or from a newer version.
        """
        if stored.get("format") != FORMAT:
            raise SpecError([Problem("", "format", f"a stored sweep should have format {FORMAT}")])
        try:
            base = load.parse(stored["base"], "the stored spec").tree
            section = load.parse(stored["sweep"], "the stored sweep").tree
            sweep = Sweep.model_validate(section)
            folder = str(stored.get("folder", ""))  # missing in older sweeps
            return cls(base, sweep, _texts(stored["overrides"]), _texts(stored["plugins"]), folder)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SpecError([Problem("", "", f"a stored sweep is damaged: {error}")]) from None


def _texts(items: Any) -> tuple[str, ...]:
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise TypeError("should be a list of strings")
    return tuple(items)


@dataclass(frozen=True)
class Trial:
    """One run of a plan whose points are known in advance.

    Attributes:
        number: Its position in the plan, from 0.
        point: The values of the parameters.
        seed: The number added to the spec's seed.
        experiment: The complete spec.
        identity: A hash of the spec.
    """

    number: int
    point: Point
    seed: int
    experiment: Experiment
    identity: str


def identity(experiment: Experiment) -> str:
    """Return the first 12 digits of a hash of a spec without its name, to identify what it trains."""
    plain = experiment.model_dump(mode="json", exclude={"name"})
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:12]


def trials(plan: Plan) -> Iterator[Trial]:
    """Yield the runs of a grid, or of points sampled with the sweep's seed, without duplicates.

    Raises:
        UsageError: The method needs results to choose the next point.
        SpecError: A point gives an invalid spec.
    """
    if plan.method == "bayes":
        raise UsageError(
            "the method bayes chooses each point from earlier results, so its points cannot be planned in advance; "
            "use --method random, or run the sweep with `deepcli sweep run`"
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
    """Yield the points of a grid, or up to `max_trials` different points sampled with the sweep's seed."""
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
    """Return the default limit on failed trials: a tenth of all, at least 3."""
    return max(3, -(-trials // 10))


def at_point(problem: Problem, point: Point) -> Problem:
    """Add the point to a problem's path."""
    if not point:
        return problem
    words = " ".join(written(key, value) for key, value in point.items())
    if list(point) == [problem.path]:
        return Problem(problem.where, words, problem.message)
    return Problem(problem.where, words, f"{problem.path}: {problem.message}" if problem.path else problem.message)


def metric_problem(name: str, experiment: Experiment) -> str | None:
    """Return the reason why a metric cannot be optimized by a sweep; None if it can."""
    if not experiment.data.has_validation:
        return "a sweep needs a validation split, but data.validation_split is 0"
    known = [f"val_{measured}" for measured in experiment.measured]
    if name in known:
        return None
    there = f"known metrics: {', '.join(known)}"
    if name.startswith("test"):
        near = "val" + name.removeprefix("test").replace(" ", "_")
        meant = f"did you mean {near!r}? " if near in known else ""
        return f"{name!r} is a metric of the test split, which must not be used to choose; {meant}{there}"
    if name in experiment.measured:
        return f"{name!r} is a metric of the training split; did you mean 'val_{name}'? {there}"
    return f"no run reports {name!r}; {did_you_mean(name, known)}{there}"
