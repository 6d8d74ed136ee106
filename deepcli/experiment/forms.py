"""Values in a wrong form, such as `3.0` for an integer or `128,64` for a list: what was meant, if it is valid there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import TypeAdapter, ValidationError

from deepcli.experiment.expected import PLAIN
from deepcli.experiment.merge import class_at, registry_of, spec_class
from deepcli.experiment.written import as_text, on_command_line
from deepcli.spec.registry import Spec
from deepcli.spec.spelling import nearest
from deepcli.spec.synonyms import meanings
from deepcli.spec.yaml12 import Path

WORDS: dict[str, Any] = {
    "true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False,
    "none": None, "null": None, "nil": None, "never": None,
}  # fmt: skip
NUMBER = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)(e[+-]?\d+)?(%?)", re.ASCII | re.IGNORECASE)
LONGEST = 200


def meant_here(path: Path, value: Any, tree: Any, whole: type[Spec], override: bool) -> str:
    """Suggest the value that was meant in a place; an empty string if none is known.

    Args:
        path: The place.
        value: What the spec has there, which is not valid.
        tree: The whole spec, as plain values.
        whole: The class that the spec should have.
        override: Whether it is from the command line, and not from a file.
    """
    section = class_at(tree, path[:-1], whole) if path else None
    if section is None or path[-1] not in section.model_fields or isinstance(value, Mapping):
        return ""
    key = str(path[-1])
    inner = spec_class(section, key)
    if inner is not None and registry_of(section, key) is None and isinstance(value, int | float):
        below, right = filled(inner, value)
        return f"write {on_command_line((*path, below), right)}" if override else ""
    if problem(section, key, value) is None:
        return ""  # its form is right, and another form of it would be refused for the same reason
    for candidate in _candidates(value, section, key):
        same = candidate == value and type(candidate) is type(value)  # 3 is not 3.0
        if not same and problem(section, key, candidate) is None:
            return f"write {on_command_line(path, candidate)}" if override else f"did you mean {as_text(candidate)}?"
    return ""


def _candidates(value: Any, section: type[Spec], key: str) -> Iterator[Any]:
    """Yield what a value may have been meant to be, the likeliest first."""
    if isinstance(value, list):
        yield from value[:1] if value.count(value[0] if value else None) == len(value) else ()
        return
    text = str(value).strip()
    if len(text) > LONGEST:
        return
    if text.lower() in WORDS:
        yield WORDS[text.lower()]
    yield from _numbers(text)
    yield from meanings(text)
    registry = registry_of(section, key)
    for parts in ([part.strip(" []()") for part in text.split(",")], [text]):
        known = [next(iter(nearest(part, registry)), part) if registry else part for part in parts]
        whole = [next(_numbers(part), part) for part in known]
        yield whole
        yield from _candidates(whole, section, key)


def _numbers(text: str) -> Iterator[int | float]:
    """Yield the numbers that a text may be: whole ones first, a decimal comma as a point."""
    match = NUMBER.fullmatch(text.strip())
    if match is None:
        return
    number = float(text.strip().rstrip("%").replace(",", ".")) / (100 if match[3] else 1)
    if number.is_integer() and abs(number) < 1e15:
        yield int(number)
    yield number


def problem(section: type[Spec], key: str, value: Any) -> ValidationError | None:
    """Return why a field does not take a value, whatever the other fields are; None if it does."""
    field = section.model_fields[key]
    kind: Any = field.annotation
    for extra in field.metadata:
        kind = Annotated[kind, extra]
    try:
        TypeAdapter(kind).validate_python(value, strict=True)
    except ValidationError as error:
        return error
    return None


def filled(section: type[Spec], value: Any) -> tuple[str, Any]:
    """Return the field of a section that stands for it, one with a number if possible, and the value that it gets."""
    defaults = {key: field.default for key, field in section.model_fields.items() if isinstance(field.default, PLAIN)}
    numbers = [key for key, default in defaults.items() if type(default) in (int, float)]
    key = next(iter([*numbers, *defaults, *section.model_fields]))
    default = defaults.get(key)
    return key, value if type(value) is type(default) else default or 0.1
