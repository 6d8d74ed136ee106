"""Check a sweep before training: conditions that are never met, points that cannot be built."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from deepcli.errors import Problem, SpecError
from deepcli.experiment.messages import MAX_PROBLEMS
from deepcli.experiment.schema import Experiment
from deepcli.spec.registry import show
from deepcli.spec.spelling import did_you_mean
from deepcli.spec.trees import lookup
from deepcli.spec.yaml12 import Path
from deepcli.sweeps.arguments import written
from deepcli.sweeps.plan import Plan, at_point, metric_problem
from deepcli.sweeps.space import Point, Seeded, draw, enabling_value, ends, grid, ordered, path
from deepcli.sweeps.spec import Candidates, Sweep, same, slot

SAMPLES = 30
MAX_POINTS = 10_000
LIST_HINT = "in a sweep, a list is a list of candidates; write a candidate that is a list as [[...]]"

Complaint = tuple[Path, str]
"""A path in the section, and the problem there."""


def conditions(sweep: Sweep, base: Experiment) -> Iterator[Complaint]:
    """Yield problems with conditions that name no known field or are never met."""
    tree = base.model_dump()
    keys = {slot(key): key for key in sweep.parameters}
    cyclic = False
    for key, parameter in sweep.parameters.items():
        for name, wanted in (parameter.when or {}).items():
            place: Path = ("parameters", key, "when", name)
            above = [other for inner, other in keys.items() if slot(name).startswith(f"{inner}.")]
            if slot(name) == slot(key):
                cyclic = True
                yield place, "a parameter cannot depend on itself"
            elif slot(name) in keys:
                other = keys[slot(name)]
                if not enabling_value(sweep.parameters[other], wanted):
                    yield place, f"is never met: the parameter {other} is never {show(wanted)}"
            elif above:
                yield place, f"is a field of the parameter {above[0]}, which replaces it; name {above[0]} instead"
            elif not _has(tree, path(name)):
                known = [*sweep.parameters, *_dotted(tree)]
                yield place, f"is neither a parameter nor a field of the spec; {did_you_mean(name, known)}".rstrip("; ")
    if not cyclic:
        try:
            ordered(sweep)
        except ValueError as error:
            yield ("parameters",), f"these parameters depend on each other: {error}"


def _has(tree: Any, place: Path) -> bool:
    above, last = lookup(tree, place[:-1]), place[-1]
    return (isinstance(above, Mapping) and last in above) or lookup(tree, place) is not None


def _dotted(tree: Any, above: str = "") -> Iterator[str]:
    for key, value in tree.items() if isinstance(tree, Mapping) else ():
        yield f"{above}{key}"
        yield from _dotted(value, f"{above}{key}.")


def space(sweep: Sweep) -> Iterator[Complaint]:
    """Yield problems with the space: no parameters, or a grid with infinitely many values."""
    if not sweep.parameters:
        yield ("parameters",), "is empty, so nothing varies; try optimizer.learning_rate=log:1e-4:1e-1"
    if sweep.method != "grid":
        return
    for key, parameter in sweep.parameters.items():
        if parameter.listed() is None:
            why = "list candidates, set a step, or use the method random or bayes"
            yield ("parameters", key), f"a grid cannot list all values from {parameter.min} to {parameter.max}; {why}"  # type: ignore[union-attr]


def sample(sweep: Sweep, base: Experiment) -> list[Point]:
    """Return the points to validate before training: the whole grid, or the edges of the space and some samples.

    Raises:
        OverflowError: The grid has too many points.
    """
    if sweep.method != "grid":
        return [*ends(sweep), *(draw(sweep, Seeded(sweep.seed, number), base) for number in range(SAMPLES))]
    found: list[Point] = []
    for point in grid(sweep):
        if len(found) == MAX_POINTS:
            raise OverflowError(
                f"the grid has more than {MAX_POINTS:,} points; use the method random to sample max_trials of them"
            )
        found.append(point)
    return found


def points(plan: Plan, chosen: Iterable[Point], where: str) -> None:
    """Check that the experiment of every point can be built.

    Args:
        plan: The sweep.
        chosen: The points.
        where: The position of the metric in its file.

    Raises:
        SpecError: Some points cannot be built or do not report the metric; a problem of many points is listed once.
    """
    failures: dict[Problem, list[Point]] = {}
    count: Counter[tuple[str, str]] = Counter()
    for point in chosen:
        count.update((key, same(value)) for key, value in point.items())
        for problem in _problems(plan, point, where):
            failures.setdefault(problem, []).append(point)
    named = list(dict.fromkeys(_named(problem, where, count, plan) for problem, where in failures.items()))
    if named:
        rest = [Problem("", "", f"and {len(named) - MAX_PROBLEMS} more")] if len(named) > MAX_PROBLEMS else []
        raise SpecError(named[:MAX_PROBLEMS] + rest)


def _problems(plan: Plan, point: Point, where: str) -> Iterable[Problem]:
    try:
        experiment = plan.build(point, max(plan.seeds))
    except SpecError as error:
        return error.problems
    wrong = metric_problem(plan.metric.name, experiment)
    return [Problem(where, "sweep.metric", wrong)] if wrong else []


def _named(problem: Problem, failed: list[Point], count: Counter[tuple[str, str]], plan: Plan) -> Problem:
    """Attribute a problem to one parameter's value if all points with it fail; otherwise name the first point."""
    first = failed[0]
    for key, value in first.items():
        alike = sum(same(point[key]) == same(value) for point in failed if key in point)
        if f"{problem.path}.".startswith(f"{slot(key)}.") and alike == count[key, same(value)]:
            rest = problem.path if problem.path not in (key, slot(key)) else ""
            hint = f"; {LIST_HINT}" if "should be a list" in problem.message and _is_listed(plan, key) else ""
            message = f"{rest}: {problem.message}" if rest else problem.message
            return Problem(problem.where, written(key, value), message + hint)
    named = at_point(problem, first)
    more = f" (and at {len(failed) - 1} more points)" if len(failed) > 1 else ""
    return Problem(named.where, named.path, named.message + more)


def _is_listed(plan: Plan, key: str) -> bool:
    return isinstance(plan.sweep.parameters[key], Candidates)
