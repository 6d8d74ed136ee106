"""The points of a sweep: all points of a grid, or points sampled by a study or with a seed."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from deepcli.experiment.schema import Experiment
from deepcli.spec.trees import lookup
from deepcli.sweeps.spec import Candidates, Parameter, Range, Sweep, at, same, slot, steps

Point = dict[str, Any]
"""The values of the parameters by dotted key."""

Choose = Callable[[str, Parameter], Any]
DIGITS = 6
"""Significant digits of a sampled number: enough for any parameter, few enough to read and type."""


class Suggest(Protocol):
    """Samples values of parameters; implemented by Optuna's trials."""

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Sample one of the choices: strings, numbers, booleans or None."""

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Sample a number between two bounds, both included."""

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """Sample an integer between two bounds, both included."""


class Seeded:
    """Samples values that depend only on a seed and a number: the same on every machine.

    Args:
        seed: The sweep's seed.
        number: The number of the point.
    """

    def __init__(self, seed: int, number: int) -> None:
        self._random = random.Random(f"{seed}/{number}")

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        return choices[self._random.randrange(len(choices))]

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        if step is not None:
            return float(at(low, step, self._random.randint(0, steps(low, high, step))))
        share = self._random.random()
        return math.exp(math.log(low) + share * math.log(high / low)) if log else low + share * (high - low)

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        if log:
            # From low - 0.5 to high + 0.5, so that rounding gives both ends their full probability.
            value = math.exp(math.log(low - 0.5) + self._random.random() * math.log((high + 0.5) / (low - 0.5)))
            return min(max(round(value), low), high)
        return low + step * self._random.randint(0, (high - low) // step)


def grid(sweep: Sweep, base: Experiment | None = None) -> Iterator[Point]:
    """Yield every point of a grid once; the first parameter changes slowest.

    Args:
        sweep: A sweep whose parameters all have lists of values.
        base: The spec, which conditions may refer to; not needed for the sweep of a plan.

    Raises:
        ValueError: A parameter has infinitely many values, or a condition refers to the spec without `base`.
    """
    parameters = ordered(settled(sweep, base) if base else sweep)
    listed = {key: parameter.listed() for key, parameter in parameters.items()}
    slots = {slot(key) for key in parameters}
    if foreign := [name for one in parameters.values() for name in one.when or {} if slot(name) not in slots]:
        raise ValueError(f"{', '.join(foreign)}: not a parameter, so the grid needs the spec")
    if endless := [key for key, values in listed.items() if values is None]:
        raise ValueError(f"a grid cannot list all values of {', '.join(endless)}")
    yield from _extended({}, list(parameters.items()), {key: values or () for key, values in listed.items()})


def _extended(
    point: Point, rest: Sequence[tuple[str, Parameter]], listed: Mapping[str, Sequence[Any]]
) -> Iterator[Point]:
    if not rest:
        yield point
        return
    (key, parameter), *others = rest
    here = [{**point, key: value} for value in listed[key]] if exists(parameter, point) else [point]
    for longer in here:
        yield from _extended(longer, others, listed)


def draw(sweep: Sweep, suggest: Suggest, base: Experiment) -> Point:
    """Sample one point; parameters whose condition is not met are left out."""
    return walk(settled(sweep, base), lambda key, parameter: _suggested(suggest, key, parameter))


def walk(sweep: Sweep, choose: Choose) -> Point:
    """Build one point by calling `choose` for each parameter whose condition is met."""
    point: Point = {}
    for key, parameter in ordered(sweep).items():
        if exists(parameter, point):
            point[key] = choose(key, parameter)
    return point


def _suggested(suggest: Suggest, key: str, parameter: Parameter) -> Any:
    if isinstance(parameter, Candidates):
        choices = _scalars(parameter.values)
        return parameter.values[_index(choices, suggest.suggest_categorical(key, choices))]
    if parameter.whole:
        least, most = int(parameter.min), int(parameter.max)
        return suggest.suggest_int(key, least, most, step=int(parameter.step or 1), log=parameter.log)
    low, high = float(parameter.min), float(parameter.max)
    value = suggest.suggest_float(key, low, high, step=parameter.step, log=parameter.log)
    return min(max(float(f"{value:.{DIGITS}g}"), low), high)


def encoded(parameter: Parameter, value: Any) -> Any:
    """Return a parameter's value in the form that an Optuna study stores."""
    if not isinstance(parameter, Candidates):
        return value
    position = next(index for index, one in enumerate(parameter.values) if same(one) == same(value))
    return _scalars(parameter.values)[position]


def _scalars(values: Sequence[Any]) -> list[Any]:
    """Return candidates in a form that Optuna can store: unchanged, or all as JSON if some are lists or mappings.

    Python treats True as equal to 1, so candidates that mix booleans and numbers become JSON, too.
    """
    plain = all(value is None or isinstance(value, str | int | float) for value in values)
    mixed = any(isinstance(value, bool) for value in values) and any(
        isinstance(value, int | float) and not isinstance(value, bool) for value in values
    )
    return list(values) if plain and not mixed else [json.dumps(value, ensure_ascii=False) for value in values]


def _index(choices: Sequence[Any], chosen: Any) -> int:
    return next(index for index, choice in enumerate(choices) if choice == chosen)


def dependencies(key: str, sweep: Sweep) -> dict[str, Any]:
    """Return the conditions of a parameter that name other parameters, by their keys in the sweep."""
    keys = {slot(other): other for other in sweep.parameters}
    when = sweep.parameters[key].when or {}
    return {keys[slot(name)]: wanted for name, wanted in when.items() if slot(name) in keys}


def ordered(sweep: Sweep) -> dict[str, Parameter]:
    """Return the parameters in their order, but each after those that its condition names.

    Raises:
        ValueError: Some parameters depend on each other.
    """
    needs = {key: dependencies(key, sweep) for key in sweep.parameters}
    done: dict[str, Parameter] = {}
    while len(done) < len(needs):
        ready = next((key for key in needs if key not in done and all(need in done for need in needs[key])), None)
        if ready is None:
            raise ValueError(" and ".join(key for key in needs if key not in done))
        done[ready] = sweep.parameters[ready]
    return done


def exists(parameter: Parameter, point: Point) -> bool:
    """Return whether a parameter's condition is met in a point that has the parameters named by the condition."""
    slots = {slot(key): value for key, value in point.items()}
    return all(
        slot(name) in slots and meets(slots[slot(name)], wanted) for name, wanted in (parameter.when or {}).items()
    )


def meets(value: Any, wanted: Any) -> bool:
    """Return whether a value equals the wanted one, or one of a list; a component is compared by its type."""
    found = value.get("type") if isinstance(value, Mapping) and "type" in value else value
    options = wanted if isinstance(wanted, list | tuple) else [wanted]
    return any(same(option) in (same(value), same(found)) for option in [*options, wanted])


def settled(sweep: Sweep, base: Experiment) -> Sweep:
    """Resolve conditions on fields of the spec, which are the same at every point.

    Parameters whose conditions are not met are removed. Conditions on parameters stay.
    """
    tree = base.model_dump()
    slots = {slot(key) for key in sweep.parameters}
    kept: dict[str, Parameter] = {}
    for key, parameter in sweep.parameters.items():
        fixed = {name: wanted for name, wanted in (parameter.when or {}).items() if slot(name) not in slots}
        if not fixed:
            kept[key] = parameter
        elif all(meets(lookup(tree, path(name)), wanted) for name, wanted in fixed.items()):
            rest = {name: wanted for name, wanted in (parameter.when or {}).items() if name not in fixed}
            kept[key] = parameter.model_copy(update={"when": rest or None})
    if all(kept.get(key) is parameter for key, parameter in sweep.parameters.items()):
        return sweep
    # A parameter that depends on a removed one is removed, too.
    gone = set(sweep.parameters) - set(kept)
    while waiting := {
        key
        for key, parameter in kept.items()
        if {slot(name) for name in parameter.when or {}} & {slot(other) for other in gone}
    }:
        gone |= waiting
        kept = {key: parameter for key, parameter in kept.items() if key not in waiting}
    return sweep.model_copy(update={"parameters": kept})


def path(key: str) -> tuple[str | int, ...]:
    """Split a dotted key into a path."""
    return tuple(int(part) if part.isdigit() else part for part in key.split("."))


def ends(sweep: Sweep) -> Iterator[Point]:
    """Yield points at the edges of a space: all parameters low, all high, and each parameter at each of its ends.

    For a parameter at one of its ends, the point meets its conditions.
    """
    for high in (False, True):
        yield walk(sweep, lambda key, parameter, high=high: edges(parameter)[-1 if high else 0])  # type: ignore[misc]
    for key, parameter in sweep.parameters.items():
        for value in edges(parameter):
            picks = {**_enabling(key, sweep), key: value}
            yield walk(sweep, lambda name, other, picks=picks: picks[name] if name in picks else edges(other)[0])  # type: ignore[misc]


def edges(parameter: Parameter) -> tuple[Any, ...]:
    """Return every candidate, or both bounds."""
    if isinstance(parameter, Candidates):
        return parameter.values
    high = (
        at(parameter.min, parameter.step, steps(parameter.min, parameter.max, parameter.step))
        if parameter.step
        else None
    )
    low, high = parameter.min, parameter.max if high is None else high
    return (low, high) if parameter.whole else (float(low), float(high))


def enabling_value(parameter: Parameter, wanted: Any) -> tuple[Any, ...]:
    """Return the values of a parameter that meet a condition; for a range, those of the condition itself."""
    listed = parameter.listed()
    if listed is None:
        listed = tuple(wanted) if isinstance(wanted, list | tuple) else (wanted,)
        listed = tuple(value for value in listed if _within(parameter, value))
    return tuple(value for value in listed if meets(value, wanted))


def _within(parameter: Parameter, value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(parameter, Range) and number and parameter.min <= value <= parameter.max


def _enabling(key: str, sweep: Sweep) -> Point:
    """Return values of other parameters that meet a parameter's conditions, including indirect ones."""
    picks: Point = {}
    for need, wanted in dependencies(key, sweep).items():
        if values := enabling_value(sweep.parameters[need], wanted):
            picks |= {**_enabling(need, sweep), need: values[0]}
    return picks
