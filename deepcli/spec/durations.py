"""Durations, as specs and options write them: seconds, or a string such as `90s`, `10m` or `1h30m`."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, TypeAdapter, ValidationError

from deepcli.errors import UsageError
from deepcli.spec.fields import PositiveFloat
from deepcli.spec.registry import show, validation_error

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DURATION = re.compile(r"(?:\d+(?:\.\d+)?[smhd])+", re.ASCII)
PLAIN = re.compile(r"\d+(?:\.\d+)?|\.\d+", re.ASCII)
"""Seconds as text, as they come from a command line."""


def seconds(value: Any) -> Any:
    """Convert a duration like `90s`, `30m`, `2h` or `1h30m` to seconds; a number stays unchanged, also one as text."""
    if not isinstance(value, str):
        return value
    text = value.replace(" ", "")
    if PLAIN.fullmatch(text):
        return float(text)
    if not DURATION.fullmatch(text):
        raise validation_error(
            [((), f"should be seconds, or a string like 90s, 30m, 2h or 1h30m, not {show(value)}")], value
        )
    return sum(float(number) * UNITS[unit] for number, unit in re.findall(r"([\d.]+)([smhd])", text))


OptionalDuration = Annotated[
    PositiveFloat | None, BeforeValidator(seconds, json_schema_input_type=PositiveFloat | str | None)
]
"""A field with a duration in seconds, or null for no limit."""


def option_seconds(option: str, value: float | str | None) -> float | None:
    """Read a duration that an option or an argument gives; None stays None.

    Args:
        option: The option, for the message.
        value: Seconds, or a string like `10m`.

    Raises:
        UsageError: It is neither, or not greater than 0.
    """
    try:
        return TypeAdapter(OptionalDuration).validate_python(value)
    except ValidationError:
        raise UsageError(
            f"{option}: should be seconds above 0, or a string like 90s, 10m, 2h or 1h30m, not {value!r}"
        ) from None


def in_words(duration: float) -> str:
    """Write seconds as `seconds` reads them: `0.16s`, `10m`, or 90 seconds as `1m30s`."""
    if duration < 10:
        return f"{duration:.2g}s"
    left, parts = round(duration), []
    for unit, size in sorted(UNITS.items(), key=lambda item: -item[1]):
        count, left = divmod(left, size)
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts)
