"""What a value should be, by the type of pydantic's error."""

from __future__ import annotations

import re
from typing import Any

from deepcli.spec.registry import Spec
from deepcli.spec.yaml12 import dump_line

EXPECTED = {
    "bool_type": "a boolean",
    "dict_type": "a mapping",
    "finite_number": "a finite number",
    "float_type": "a number",
    "greater_than": "greater than {gt}",
    "greater_than_equal": "at least {ge}",
    "int_parsing_size": "a smaller number",
    "int_type": "an integer",
    "invalid_key": "a string",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "literal_error": "{expected}",
    "model_type": "a mapping",
    "string_type": "a string",
    "string_unicode": "valid Unicode text",
    "tuple_type": "a list",
}
"""By type of error: what the value should be; names in braces are those of the error's own context."""
PLAIN = (bool, int, float, str)


def expected(item: Any, section: type[Spec] | None) -> str:
    """Return what a value should be.

    Args:
        item: One of pydantic's errors.
        section: The class of the section that belongs there, if one does.
    """
    kind = item["type"]
    if kind == "model_type" and section is not None and (fields := example(section)):
        return f"should be fields such as {fields}"
    if kind in EXPECTED:
        context = {name: _short(value) for name, value in item.get("ctx", {}).items()}
        return f"should be {EXPECTED[kind].format_map(context)}"
    return str(item["msg"]).replace("Input should be", "should be", 1)


def _short(value: Any) -> Any:
    """Leave the point out of a bound that is a whole number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def choices(item: Any) -> list[str]:
    """List the strings that a field with fixed choices takes."""
    return re.findall(r"'([^']*)'", str(item["ctx"]["expected"])) if item["type"] == "literal_error" else []


def example(section: type[Spec]) -> str | None:
    """Write a field of a section with its default, as in a spec; a field with a number if possible."""
    defaults = {name: field.default for name, field in section.model_fields.items() if isinstance(field.default, PLAIN)}
    numbers = [
        name for name, value in defaults.items() if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    name = next(iter([*numbers, *defaults]), None)
    return None if name is None else f"{{{dump_line({name: defaults[name]})}}}"
