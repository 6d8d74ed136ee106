"""Field types that several components share: numbers, lists of numbers, names with a form, learning rates."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from deepcli.spec.registry import show, validation_error

Positive = Annotated[int, Field(gt=0)]
PositiveFloat = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
NoiseLevel = Annotated[float, Field(ge=0, le=1)]
"""A standard deviation of noise; Keras's `GaussianNoise` takes none above 1."""
Rate = Annotated[float, Field(ge=0, lt=1)]
Auto = Literal["auto"]
Course = Callable[[Any], Any]
"""The rate as a function of the step, a float32 tensor; Keras's schedules are such functions."""


def matching(pattern: str, expected: str) -> AfterValidator:
    """Make a validator of strings that match a pattern; `expected` describes it in error messages."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise validation_error([((), f"should be {expected}, not {show(text)}")], text)
        return text

    return AfterValidator(check)


def as_tuple(value: Any) -> Any:
    """Convert a list from YAML to a tuple, for frozen specs; other values are left to type validation."""
    return tuple(value) if isinstance(value, list) else value


def _one_or_many(value: Any) -> Any:
    return (value,) if isinstance(value, int) and not isinstance(value, bool) else as_tuple(value)


_List = tuple[Positive, ...]

Counts = Annotated[_List, BeforeValidator(_one_or_many, json_schema_input_type=Positive | _List)]
"""A list of positive integers; a single one is a list of one."""
_Some = Annotated[_List, Field(min_length=1)]
Stack = Annotated[_Some, BeforeValidator(_one_or_many, json_schema_input_type=Positive | _Some)]
"""The same, with at least one: the widths of a stack of layers."""
