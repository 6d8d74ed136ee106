"""Everything that a spec can name, by kind, and what there is to say of each field."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic.fields import FieldInfo

from deepcli.activations import ACTIVATIONS
from deepcli.data import DATASETS
from deepcli.initializers import INITIALIZERS
from deepcli.models import MODELS
from deepcli.optim import LOSSES, METRICS, OPTIMIZERS, SCHEDULES
from deepcli.registry import Component, Registry, Spec, show

KINDS: dict[str, Registry[Any]] = {
    "data": DATASETS,
    "models": MODELS,
    "activations": ACTIVATIONS,
    "initializers": INITIALIZERS,
    "losses": LOSSES,
    "metrics": METRICS,
    "optimizers": OPTIMIZERS,
    "schedules": SCHEDULES,
}


@dataclass(frozen=True)
class FieldRow:
    """One field of a spec class.

    Attributes:
        name: What it is called.
        type: Its type in words.
        default: Its default as it would stand in a spec.
        description: What it means.
        depth: How many sections it is inside of.
        absent: Whether it is inside a section that is null unless it is written.
    """

    name: str
    type: str
    default: str
    description: str
    depth: int = 0
    absent: bool = False


def summary(cls: type[Spec]) -> str:
    """Return the first line of a class's documentation."""
    return (cls.__doc__ or "").strip().splitlines()[0]


def fields(cls: type[Spec], depth: int = 0, absent: bool = False) -> Iterator[FieldRow]:
    """List the fields of a spec class, its own before those it shares; those of the sections in it below each."""
    own_first = dict.fromkeys(name for base in cls.__mro__ for name in vars(base).get("__annotations__", {}))
    for name in own_first:
        field = cls.model_fields.get(name)
        if field is None or (name == "type" and issubclass(cls, Component)):
            continue
        yield FieldRow(name, type_name(field), default(field), field.description or "", depth, absent)
        if (section := _section(field)) is not None:
            yield from fields(section, depth + 1, absent or field.default is None)


def _section(field: FieldInfo) -> type[Spec] | None:
    """Return the class of a field that is a section of its own, whether it is there by default or null."""
    if field.default is not None:
        kind = type(field.default)
        return kind if issubclass(kind, Spec) and not issubclass(kind, Component) else None
    parts = [part for part in get_args(field.annotation) if isinstance(part, type) and issubclass(part, Spec)]
    return next((part for part in parts if not issubclass(part, Component)), None)


def default(field: FieldInfo) -> str:
    """Write a field's default as it would stand in a spec."""
    if field.is_required():
        return "required"
    value = field.default
    if isinstance(value, Component):
        return value.type
    if isinstance(value, Spec):
        return ""
    if isinstance(value, tuple):
        return "[" + ", ".join(item.type if isinstance(item, Component) else str(item) for item in value) + "]"
    return str(value) if isinstance(value, str) else show(value)


def type_name(field: FieldInfo) -> str:
    """Name a field's type in words."""
    return _in_words(field.annotation, list(field.metadata))


def _in_words(annotation: Any, metadata: list[Any]) -> str:
    registry = next((extra for extra in metadata if isinstance(extra, Registry)), None)
    if registry is not None:
        return "one of " + registry.kind
    if get_origin(annotation) is Annotated:
        inner, *extras = get_args(annotation)
        return _in_words(inner, [*metadata, *extras])
    if get_origin(annotation) in (Union, types.UnionType):
        return " or ".join(_in_words(part, []) for part in get_args(annotation))
    if get_origin(annotation) is Literal:
        return " | ".join(map(str, get_args(annotation)))
    if get_origin(annotation) is tuple:
        return "list of " + _in_words(get_args(annotation)[0], [])
    if get_origin(annotation) is dict:
        key, value = get_args(annotation)
        return f"mapping of {_in_words(key, [])} to {_in_words(value, [])}"
    if isinstance(annotation, type) and issubclass(annotation, Spec):
        return "section"
    words = {int: "integer", float: "number", bool: "true or false", str: "text", types.NoneType: "null"}
    return (words.get(annotation, str(annotation)) + " " + _bounds(metadata)).strip()


def _bounds(metadata: list[Any]) -> str:
    signs: dict[type, tuple[str, str]] = {Gt: (">", "gt"), Ge: (">=", "ge"), Lt: ("<", "lt"), Le: ("<=", "le")}
    found = []
    for extra in _flatten(metadata):
        for kind, (sign, attribute) in signs.items():
            if isinstance(extra, kind):
                found.append(f"{sign} {getattr(extra, attribute)}")
    return ", ".join(found)


def _flatten(metadata: list[Any]) -> Iterator[Any]:
    for extra in metadata:
        if isinstance(extra, FieldInfo):
            yield from _flatten(list(extra.metadata))
        elif not isinstance(extra, MinLen):
            yield extra
