"""The `sweep` section of a spec file: which parameters, in which values, and how long to look."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from deepcli.experiment.schema import Seed
from deepcli.spec.fields import Positive, PositiveFloat, as_tuple
from deepcli.spec.registry import Issue, Spec, did_you_mean, show, validate, validation_error
from deepcli.sweeps.pruners import PRUNERS, Pruner

KEY = re.compile(r"[A-Za-z_]\w*(\.\w+)*", re.ASCII)
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DURATION = re.compile(r"(?:\d+(?:\.\d+)?[smhd])+", re.ASCII)
LOGARITHMIC, WHOLE = ("log_uniform", "int_log"), ("int", "int_log")
KEPT = ("name", "format")
MAX_VALUES = 10_000

Distribution = Literal["uniform", "log_uniform", "int", "int_log"]
Conditions = dict[str, Any]
Offset = Annotated[int, Field(ge=0)]


def same(value: Any) -> str:
    """Write a plain value so that equal ones are written alike: 1 as 1.0, but neither as true."""
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
        description="Other parameters (or values of the spec) and what they must be, one or one of a list, for this one to exist.",
    )


class Candidates(_Parameter):
    """A parameter that is one of several values; a bare list is short for it."""

    values: Annotated[tuple[Any, ...], BeforeValidator(as_tuple)] = Field(
        description="The candidates; one that is a list itself stands in brackets of its own."
    )

    @field_validator("values")
    @classmethod
    def _are_different(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        return validate(values, _duplicates)  # type: ignore[type-var]

    def listed(self) -> tuple[Any, ...]:
        """Return every value, in order."""
        return self.values


class Range(_Parameter):
    """A parameter between two bounds, both included."""

    min: int | float = Field(description="The smallest value.")
    max: int | float = Field(description="The largest value.")
    distribution: Distribution | None = Field(
        None, description="How values are drawn; default: int between two integers, else uniform."
    )
    step: int | float | None = Field(None, description="From one value to the next; null leaves none out.")

    @model_validator(mode="after")
    def _is_a_range(self) -> Range:
        return validate(self, _range_problems)  # type: ignore[type-var]

    @property
    def kind(self) -> Distribution:
        """The distribution, whether it is written or follows from the bounds."""
        if self.distribution is not None:
            return self.distribution
        return "int" if isinstance(self.min, int) and isinstance(self.max, int) else "uniform"

    @property
    def log(self) -> bool:
        """Whether each power of ten is as likely as the next."""
        return self.kind in LOGARITHMIC

    @property
    def whole(self) -> bool:
        """Whether the values are integers."""
        return self.kind in WHOLE

    def listed(self) -> tuple[Any, ...] | None:
        """Return every value, in order; None where there are too many to list, or no end of them."""
        if self.log or (self.step is None and not self.whole):
            return None
        step = self.step or 1
        count = steps(self.min, self.max, step) + 1
        return tuple(at(self.min, step, index) for index in range(count)) if count <= MAX_VALUES else None


Parameter = Candidates | Range


def steps(low: float, high: float, step: float) -> int:
    """Count how many steps fit between two bounds; that 0.3 is no whole number of 0.1 to a computer costs none."""
    return math.floor((high - low) / step + 1e-9)


def at(low: float, step: float, index: int) -> int | float:
    """Return the value so many steps above a bound, without the digits that rounding leaves."""
    value = low + step * index
    return value if isinstance(value, int) else float(f"{value:.12g}")


def _parameter(value: Any) -> Any:
    """Choose between the kinds of parameters by what is written."""
    if isinstance(value, Candidates | Range):
        return value
    if isinstance(value, list | tuple):
        return Candidates(values=tuple(value))
    if not isinstance(value, Mapping):
        raise validation_error(
            [((), f"should be a list of candidates or a mapping, not {show(value)}; {_FORMS}")], value
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
            yield (index,), f"{show(value)} stands twice among the candidates"


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
        yield ("step",), f"{bounds.kind} has no steps; leave it out"
    elif step <= 0:
        yield ("step",), f"should be greater than 0, not {show(step)}"
    elif step > high - low > 0:
        yield ("step",), f"{show(step)} is more than lies between min and max"


class Objective(Spec):
    """What makes one trial better than another."""

    name: str = Field(description="A figure of the validation split, like val_loss.")
    goal: Literal["minimize", "maximize"] | None = Field(None, description="Default: what is better for that metric.")


def _objective(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


def seconds(value: Any) -> Any:
    """Turn a duration like `90s`, `30m`, `2h` or `1h30m` into seconds; a number stays."""
    if not isinstance(value, str):
        return value
    text = value.replace(" ", "")
    if not DURATION.fullmatch(text):
        raise validation_error(
            [((), f"should be seconds, or a text like 90s, 30m, 2h or 1h30m, not {show(value)}")], value
        )
    return sum(float(number) * UNITS[unit] for number, unit in re.findall(r"([\d.]+)([smhd])", text))


class Sweep(Spec):
    """Many runs of the spec, at points of a space; `deepcli train` leaves the section out."""

    method: Literal["grid", "random", "bayes"] | None = Field(
        None, description="How points are chosen; default: grid if every parameter is a list of candidates, else bayes."
    )
    metric: Annotated[Objective | None, BeforeValidator(_objective, json_schema_input_type=str | Objective | None)] = (
        Field(None, description="What decides; a bare name will do. Default: what decides which epoch is best.")
    )
    parameters: dict[
        str, Annotated[Parameter, BeforeValidator(_parameter, json_schema_input_type=list[Any] | Candidates | Range)]
    ] = Field(
        {},
        description="What varies, by dotted key: a list of candidates, or a mapping with values or with min and max.",
    )
    early_terminate: Annotated[Pruner, PRUNERS] | None = Field(None, description="When to end a trial that does badly.")
    max_trials: Positive | None = Field(
        None, description="Points to try, each with every seed; default: the whole grid, else 20."
    )
    max_time: Annotated[
        PositiveFloat | None, BeforeValidator(seconds, json_schema_input_type=PositiveFloat | str | None)
    ] = Field(None, description="Begin no trial after so long: seconds, or a text like 30m or 2h.")
    max_failures: Annotated[int, Field(ge=0)] | None = Field(
        None, description="More failed trials end the sweep; default: a tenth of all, at least 3."
    )
    seeds: Positive | Annotated[tuple[Offset, ...], BeforeValidator(as_tuple), Field(min_length=1)] = Field(
        1,
        description="Each point is trained with so many seeds, or with each of a list, counted from the spec's own seed; "
        "means are compared.",
    )
    keep: Positive = Field(1, description="Of how many of the best trials to keep the checkpoints.")
    seed: Seed = Field(0, description="Of the draws of points.")

    @field_validator("parameters")
    @classmethod
    def _have_names(cls, parameters: dict[str, Parameter]) -> dict[str, Parameter]:
        return validate(parameters, _name_problems)  # type: ignore[type-var]

    @field_validator("seeds")
    @classmethod
    def _seeds_differ(cls, seeds: int | tuple[int, ...]) -> int | tuple[int, ...]:
        return validate(seeds, lambda given: _duplicates(given) if isinstance(given, tuple) else ())  # type: ignore[type-var]


def slot(key: str) -> str:
    """Return what a dotted key chooses: `model` and `model.type` are two names for one choice."""
    return key.removesuffix(".type")


def _name_problems(parameters: Mapping[str, Parameter]) -> Iterator[Issue]:
    first: dict[str, str] = {}
    for key in parameters:
        if not KEY.fullmatch(key):
            yield (key,), "should be a dotted key, like optimizer.learning_rate"
        elif key in KEPT or slot(key) == "sweep" or key.startswith("sweep."):
            yield (key,), "is no parameter of a run"
        elif first.setdefault(slot(key), key) != key:
            yield (key,), f"chooses the same as {first[slot(key)]}"
