"""A sweep's workers train on one backend, as a process has one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from deepcli.errors import Problem, SpecError
from deepcli.sweeps.arguments import written
from deepcli.sweeps.plan import Plan
from deepcli.sweeps.space import path
from deepcli.sweeps.spec import Candidates

FIELD = ("training", "backend")


def demand_one_backend(plan: Plan) -> None:
    """Check that every trial of a sweep asks for the backend of its spec.

    Raises:
        SpecError: A parameter sets another.
    """
    base = plan.experiment({}).training.backend
    problems = []
    for key, parameter in plan.sweep.parameters.items():
        values = parameter.values if isinstance(parameter, Candidates) else ()
        if others := [name for value in values for name in _named(key, value) if name != base]:
            remedy = f"set it for the whole sweep ({'.'.join(FIELD)}={others[0]}, not a parameter)"
            message = (
                f"the workers of a sweep have one backend, that of the spec ({base}), so a trial cannot have {others[0]}; "
                f"{remedy}, or train each trial in a process of its own with `deepcli sweep plan` and `deepcli sweep trial`"
            )
            where = next((str(mark) for mark in plan.places.get(key, ())), "")
            problems.append(Problem(where, written(key, list(values)), message))
    if problems:
        raise SpecError(problems)


def _named(key: str, value: Any) -> Iterator[str]:
    """Yield the backend that a candidate of a parameter sets, if it sets one."""
    place = path(key)
    if place == FIELD and isinstance(value, str):
        yield value
    elif place == FIELD[:1] and isinstance(value, Mapping) and isinstance(value.get(FIELD[1]), str):
        yield value[FIELD[1]]
