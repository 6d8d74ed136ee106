"""What can be told of a sweep before anything is trained: conditions that lead nowhere, points that cannot be built."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from deepcli.errors import Problem, SpecError
from deepcli.experiment.messages import MAX_PROBLEMS
from deepcli.experiment.schema import Experiment
from deepcli.spec.registry import did_you_mean, show
from deepcli.spec.trees import lookup
from deepcli.spec.yaml12 import Path
from deepcli.sweeps.arguments import written
from deepcli.sweeps.plan import Plan, at_point, metric_problem
from deepcli.sweeps.space import Point, Seeded, draw, enabling_value, ends, grid, ordered, path
from deepcli.sweeps.spec import Candidates, Sweep, same, slot

SAMPLES = 30
MAX_POINTS = 10_000
LIST_HINT = "in a sweep a list is a list of candidates; one that is a list itself is written [[...]]"

Complaint = tuple[Path, str]
"""A place in the section, and what is wrong there."""


def conditions(sweep: Sweep, base: Experiment) -> Iterator[Complaint]:
    """Yield conditions that name nothing or are never met."""
    tree = base.model_dump()
    keys = {slot(key): key for key in sweep.parameters}
    cyclic = False
    for key, parameter in sweep.parameters.items():
        for name, wanted in (parameter.when or {}).items():
            place: Path = ("parameters", key, "when", name)
            above = [other for inner, other in keys.items() if slot(name).startswith(f"{inner}.")]
            if slot(name) == slot(key):
                cyclic = True
                yield place, "a parameter cannot wait for itself"
            elif slot(name) in keys:
                other = keys[slot(name)]
                if not enabling_value(sweep.parameters[other], wanted):
                    yield place, f"is never met: the parameter {other} is never {show(wanted)}"
            elif above:
                yield place, f"lies inside of the parameter {above[0]}, which changes it; name {above[0]} instead"
            elif not _has(tree, path(name)):
                known = [*sweep.parameters, *_dotted(tree)]
                yield place, f"is neither a parameter nor a value of the spec; {did_you_mean(name, known)}".rstrip("; ")
    if not cyclic:
        try:
            ordered(sweep)
        except ValueError as error:
            yield ("parameters",), f"these wait for one another: {error}"


def _has(tree: Any, place: Path) -> bool:
    above, last = lookup(tree, place[:-1]), place[-1]
    return (isinstance(above, Mapping) and last in above) or lookup(tree, place) is not None


def _dotted(tree: Any, above: str = "") -> Iterator[str]:
    for key, value in tree.items() if isinstance(tree, Mapping) else ():
        yield f"{above}{key}"
        yield from _dotted(value, f"{above}{key}.")


def space(sweep: Sweep) -> Iterator[Complaint]:
    """Yield what keeps a method from its space: nothing to vary, or a grid without an end."""
    if not sweep.parameters:
        yield ("parameters",), "is empty, so there is nothing to vary; try optimizer.learning_rate=log:1e-4:1e-1"
    if sweep.method != "grid":
        return
    for key, parameter in sweep.parameters.items():
        if parameter.listed() is None:
            why = "list candidates, give a step, or take the method random or bayes"
            yield ("parameters", key), f"no grid has all values between {parameter.min} and {parameter.max}; {why}"  # type: ignore[union-attr]


def sample(sweep: Sweep, base: Experiment) -> list[Point]:
    """Return the points to validate before anything is trained: a whole grid, or the edges and some drawn ones.

    Raises:
        OverflowError: The grid is larger than any sweep.
    """
    if sweep.method != "grid":
        return [*ends(sweep), *(draw(sweep, Seeded(sweep.seed, number), base) for number in range(SAMPLES))]
    found: list[Point] = []
    for point in grid(sweep):
        if len(found) == MAX_POINTS:
            raise OverflowError(
                f"a grid of more than {MAX_POINTS:,} points; the method random draws max_trials of them"
            )
        found.append(point)
    return found


def points(plan: Plan, chosen: Iterable[Point], where: str) -> None:
    """Build the experiment of every point.

    Args:
        plan: The sweep.
        chosen: The points.
        where: The place of the metric.

    Raises:
        SpecError: Of those that cannot be built, or do not report the metric; a problem of many points stands once.
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
    """Name the one value that is to blame if all points with it fail, else the first point whole."""
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
