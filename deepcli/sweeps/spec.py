"""The schema of a spec file's section `sweep`: parameters, their values, and limits on trials and time."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from deepcli.experiment.schema import Seed
from deepcli.spec.durations import OptionalDuration
from deepcli.spec.fields import Positive, as_tuple
from deepcli.spec.registry import Issue, Spec, did_you_mean, show, validate, validation_error
from deepcli.sweeps.pruners import PRUNERS, Pruner

KEY = re.compile(r"[A-Za-z_]\w*(\.\w+)*", re.ASCII)
LOGARITHMIC, WHOLE = ("log_uniform", "int_log"), ("int", "int_log")
KEPT = ("name", "format")
MAX_VALUES = 10_000

Distribution = Literal["uniform", "log_uniform", "int", "int_log"]
Conditions = dict[str, Any]
Offset = Annotated[int, Field(ge=0)]


def same(value: Any) -> str:
    """Return a canonical string for a plain value: the same for 1 and 1.0, but not for true."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(sorted(f"{json.dumps(str(key))}:{same(inner)}" for key, inner in value.items())) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(same, value)) + "]"
    return json.dumps(value)


class _Parameter(Spec):
    when: Conditions | None = Field(
        None,
        description="Condition: other parameters (or fields of the spec) and the value, or list of values, they must have.",
    )


class Candidates(_Parameter):
    """A parameter with a list of candidate values; a plain list is short for it."""

    values: Annotated[tuple[Any, ...], BeforeValidator(as_tuple)] = Field(
        description="The candidates; put a candidate that is a list in its own brackets."
    )

    @field_validator("values")
    @classmethod
    def _are_different(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        return validate(values, _duplicates)  # type: ignore[type-var]

    def listed(self) -> tuple[Any, ...]:
        """Return all values in order."""
        return self.values


class Range(_Parameter):
    """A parameter with values between two bounds, both included."""

    min: int | float = Field(description="The smallest value.")
    max: int | float = Field(description="The largest value.")
    distribution: Distribution | None = Field(
        None, description="How values are sampled; default: int between two integers, else uniform."
    )
    step: int | float | None = Field(None, description="Distance between two values; null allows all values.")

    @model_validator(mode="after")
    def _is_a_range(self) -> Range:
        return validate(self, _range_problems)  # type: ignore[type-var]

    @property
    def kind(self) -> Distribution:
        """The distribution as given, or its default for the bounds."""
        if self.distribution is not None:
            return self.distribution
        return "int" if isinstance(self.min, int) and isinstance(self.max, int) else "uniform"

    @property
    def log(self) -> bool:
        """Whether values are sampled on a logarithmic scale."""
        return self.kind in LOGARITHMIC

    @property
    def whole(self) -> bool:
        """Whether the values are integers."""
        return self.kind in WHOLE

    def listed(self) -> tuple[Any, ...] | None:
        """Return all values in order; None if there are too many, or infinitely many."""
        if self.log or (self.step is None and not self.whole):
            return None
        step = self.step or 1
        count = steps(self.min, self.max, step) + 1
        return tuple(at(self.min, step, index) for index in range(count)) if count <= MAX_VALUES else None


Parameter = Candidates | Range


def steps(low: float, high: float, step: float) -> int:
    """Return the number of whole steps between two bounds, tolerating floating-point error (0.3 / 0.1 gives 3)."""
    return math.floor((high - low) / step + 1e-9)


def at(low: float, step: float, index: int) -> int | float:
    """Return the value `index` steps above a bound, without floating-point noise in the last digits."""
    value = low + step * index
    return value if isinstance(value, int) else float(f"{value:.12g}")


def _parameter(value: Any) -> Any:
    """Validate a parameter as candidates or a range, depending on its fields."""
    if isinstance(value, Candidates | Range):
        return value
    if isinstance(value, list | tuple):
        return Candidates(values=tuple(value))
    if not isinstance(value, Mapping):
        raise validation_error(
            [((), f"should be a list of candidates or fields such as min and max, not {show(value)}; {_FORMS}")], value
        )
    known = dict.fromkeys([*Candidates.model_fields, *Range.model_fields])
    if odd := [((key,), f"unknown field; {did_you_mean(key, known)}{_FORMS}") for key in value if key not in known]:
        raise validation_error(odd, value)
    bounds = [key for key in ("min", "max", "distribution", "step") if key in value]
    if "values" in value and bounds:
        raise validation_error([((bounds[0],), "a parameter has either `values` or bounds, not both")], value)
    if "values" not in value and not bounds:
        raise validation_error([((), f"has neither values nor bounds; {_FORMS}")], value)
    return (Candidates if "values" in value else Range).model_validate(value)


_FORMS = "write [1, 2, 3], {values: [...]} or {min: 1e-4, max: 1e-1, distribution: log_uniform} under a dotted key"


def _duplicates(values: tuple[Any, ...]) -> Iterator[Issue]:
    if not values:
        yield (), "is empty; a parameter needs at least one candidate"
    first: dict[str, int] = {}
    for index, value in enumerate(values):
        if first.setdefault(same(value), index) != index:
            yield (index,), f"duplicate candidate {show(value)}"


def _range_problems(bounds: Range) -> Iterator[Issue]:
    low, high, step = bounds.min, bounds.max, bounds.step
    if bounds.whole:
        for name in ("min", "max", "step"):
            if isinstance(getattr(bounds, name), float):
                yield (name,), f"should be an integer for {bounds.kind}, not {show(getattr(bounds, name))}"
    if low >= high:
        yield ("min",), f"{show(low)} is not less than max, {show(high)}"
    if bounds.log and low <= 0:
        yield ("min",), f"should be greater than 0 for {bounds.kind}, not {show(low)}"
    if step is None:
        return
    if bounds.log:
        yield ("step",), f"is not allowed for {bounds.kind}; remove it"
    elif step <= 0:
        yield ("step",), f"should be greater than 0, not {show(step)}"
    elif step > high - low > 0:
        yield ("step",), f"{show(step)} is larger than the distance from min to max"


class Objective(Spec):
    """The metric to optimize."""

    name: str = Field(description="A metric of the validation split, such as val_loss.")
    goal: Literal["minimize", "maximize"] | None = Field(
        None, description="Whether to minimize or maximize it; default: depends on the metric."
    )


def _objective(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class Sweep(Spec):
    """Many runs of the spec with different values of its parameters; `deepcli train` ignores this section."""

    method: Literal["grid", "random", "bayes"] | None = Field(
        None, description="How points are chosen; default: grid if every parameter is a list of candidates, else bayes."
    )
    metric: Annotated[Objective | None, BeforeValidator(_objective, json_schema_input_type=str | Objective | None)] = (
        Field(
            None,
            description="The metric to optimize, as a name or with fields; default: the one that picks the best epoch.",
        )
    )
    parameters: dict[
        str, Annotated[Parameter, BeforeValidator(_parameter, json_schema_input_type=list[Any] | Candidates | Range)]
    ] = Field(
        {},
        description="The parameters by dotted key: a list of candidates, or fields such as {min: 1, max: 4}.",
    )
    early_terminate: Annotated[Pruner, PRUNERS] | None = Field(None, description="Rule to stop bad trials early.")
    max_trials: Positive | None = Field(
        None, description="Number of points to try, each with every seed; default: the whole grid, else 20."
    )
    max_time: OptionalDuration = Field(
        None, description="Stop starting trials after this time: seconds, or a string like 30m or 2h."
    )
    max_failures: Annotated[int, Field(ge=0)] | None = Field(
        None, description="Stop the sweep after more failed trials than this; default: a tenth of all, at least 3."
    )
    seeds: Positive | Annotated[tuple[Offset, ...], BeforeValidator(as_tuple), Field(min_length=1)] = Field(
        1,
        description="Number of seeds per point, or a list of offsets to the spec's seed; trials are compared by their mean "
        "over the seeds.",
    )
    keep: Positive = Field(1, description="Number of best trials whose checkpoints are kept.")
    seed: Seed = Field(0, description="Seed for sampling points.")

    @field_validator("parameters")
    @classmethod
    def _have_names(cls, parameters: dict[str, Parameter]) -> dict[str, Parameter]:
        return validate(parameters, _name_problems)  # type: ignore[type-var]

    @field_validator("seeds")
    @classmethod
    def _seeds_differ(cls, seeds: int | tuple[int, ...]) -> int | tuple[int, ...]:
        return validate(seeds, lambda given: _duplicates(given) if isinstance(given, tuple) else ())  # type: ignore[type-var]


def slot(key: str) -> str:
    """Return the canonical form of a dotted key: `model.type` sets the same field as `model`."""
    return key.removesuffix(".type")


def _name_problems(parameters: Mapping[str, Parameter]) -> Iterator[Issue]:
    first: dict[str, str] = {}
    for key in parameters:
        if not KEY.fullmatch(key):
            yield (key,), "should be a dotted key, like optimizer.learning_rate"
        elif key in KEPT or slot(key) == "sweep" or key.startswith("sweep."):
            yield (key,), "cannot vary in a sweep"
        elif first.setdefault(slot(key), key) != key:
            yield (key,), f"sets the same field as {first[slot(key)]}"
