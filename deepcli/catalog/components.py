"""All components that a spec can name and all scores, by kind, with documentation of their fields."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from deepcli.callbacks import CALLBACKS
from deepcli.data import DATASETS
from deepcli.evaluation.scores import SCORES
from deepcli.experiment.load import SWEEP
from deepcli.experiment.merge import registry_of
from deepcli.experiment.schema import Experiment, Training
from deepcli.formats import FORMATS
from deepcli.models import LAYERS, MODELS
from deepcli.models.activations import ACTIVATIONS
from deepcli.models.initializers import INITIALIZERS
from deepcli.optim import LOSSES, METRICS, OPTIMIZERS, SCHEDULES
from deepcli.spec.plugins import origin
from deepcli.spec.registry import Component, Registry, Spec, show
from deepcli.spec.yaml12 import dump, dump_line
from deepcli.sweeps.pruners import PRUNERS
from deepcli.sweeps.spec import Sweep
from deepcli.tasks import TASKS
from deepcli.trackers import TRACKERS

KINDS: dict[str, Registry[Any]] = {
    "tasks": TASKS,
    "data": DATASETS,
    "models": MODELS,
    "layers": LAYERS,
    "activations": ACTIVATIONS,
    "initializers": INITIALIZERS,
    "losses": LOSSES,
    "metrics": METRICS,
    "optimizers": OPTIMIZERS,
    "schedules": SCHEDULES,
    "pruners": PRUNERS,
    "callbacks": CALLBACKS,
    "trackers": TRACKERS,
    "formats": FORMATS,
    "scores": SCORES,
}
COMMANDS = {"scores": "deepcli evaluate RUN --json", "formats": "deepcli export RUN --format {name}"}
"""For kinds that a spec does not name: the command that uses them."""
EXAMPLE_MODEL = "mlp"
"""The model family that appears in examples of components inside a model."""
LONGEST_LINE = 100


@dataclass(frozen=True)
class FieldRow:
    """One field of a spec class.

    Attributes:
        name: The field's name.
        type: Its type in words.
        default: Its default, as written in a spec.
        description: What it means.
        depth: How many sections it is nested in.
        absent: Whether it is in a section that is null by default.
    """

    name: str
    type: str
    default: str
    description: str
    depth: int = 0
    absent: bool = False


@dataclass(frozen=True)
class Entry:
    """A component or section: its documentation, what to paste, its fields, the plugin that it is from, and its kind."""

    type: str
    doc: str
    example: str
    fields: tuple[FieldRow, ...]
    origin: str | None = None
    kind: str = ""


def entry(kind: str, name: str) -> Entry:
    """Return the documentation, example and fields of one component."""
    cls = KINDS[kind][name]
    return Entry(name, documentation(cls), example(kind, name), tuple(fields(cls)), origin(cls), kind)


def origins() -> dict[str, dict[str, str]]:
    """Map each kind to those of its components that come from a plugin, each with the package or file that has it."""
    found = {kind: {name: origin(registry[name]) for name in registry} for kind, registry in KINDS.items()}
    named = {kind: {name: place for name, place in places.items() if place} for kind, places in found.items()}
    return {kind: places for kind, places in named.items() if places}


def example(kind: str, name: str) -> str:
    """Write an example section that names a component, with the component's own fields at their defaults.

    Inherited fields and nested sections are left out. Required fields show their example, or `...`. A component that a
    spec does not name has a command as its example.
    """
    if kind in COMMANDS:
        return COMMANDS[kind].format(name=name)
    registry = KINDS[kind]
    own = _own_defaults(registry[name])
    section = _section(registry, {"type": name, **own} if own else name)
    line = dump_line(section)
    return line if len(line) <= LONGEST_LINE else dump(section).rstrip()


def _section(registry: Registry[Any], value: Any) -> dict[str, Any]:
    """Put a component into the section of a spec that holds its kind: one of its own, or one nested in another."""
    if found := _field_of(Experiment, registry, value):
        return found
    for name in (EXAMPLE_MODEL, *MODELS):
        if found := _field_of(MODELS[name], registry, value):
            return {"model": {"type": name, **found}}
    if found := _field_of(Training, registry, value):
        return {"training": found}
    if found := _field_of(Sweep, registry, value):
        return {SWEEP: found}
    raise LookupError(f"no section of a spec holds {registry.kind}")


def _field_of(cls: type[Spec], registry: Registry[Any], value: Any) -> dict[str, Any]:
    for key, field in cls.model_fields.items():
        if registry_of(cls, key) is registry:
            return {key: [value] if get_origin(field.annotation) is tuple else value}
    return {}


def _own_defaults(cls: type[Component]) -> dict[str, Any]:
    written = vars(cls).get("__annotations__", {})
    own = {name: field for name, field in cls.model_fields.items() if name in written or field.is_required()}
    return {
        name: example_value(cls, name, field) if field.is_required() else plain_default(field.get_default())
        for name, field in own.items()
        if name != "type" and (isinstance(field.default, Component) or not isinstance(field.default, Spec))
    }


def example_value(cls: type[Component], name: str, field: FieldInfo) -> Any:
    """Return an example value of a required field from the field or its class, or `...` if neither has one."""
    if field.examples:
        return field.examples[0]
    try:
        return plain_default(getattr(cls.example(), name))
    except ValidationError:
        return "..."


def plain_default(value: Any) -> Any:
    """Convert a default to plain YAML values; a component with default fields becomes its name."""
    if isinstance(value, Component):
        changed = value.model_dump(exclude_defaults=True)
        return {"type": value.type, **changed} if changed else value.type
    return [plain_default(item) for item in value] if isinstance(value, tuple) else value


def documentation(cls: type[Spec]) -> str:
    """Return a class's documentation without its indentation."""
    return inspect.cleandoc(cls.__doc__ or "")


def summary(cls: type[Spec]) -> str:
    """Return the first line of a class's documentation."""
    return documentation(cls).splitlines()[0]


def fields(cls: type[Spec], depth: int = 0, absent: bool = False) -> Iterator[FieldRow]:
    """List the fields of a spec class, its own before inherited ones, each followed by the fields nested in it."""
    own_first = dict.fromkeys(name for base in cls.__mro__ for name in vars(base).get("__annotations__", {}))
    for name in own_first:
        field = cls.model_fields.get(name)
        if field is None or (name == "type" and issubclass(cls, Component)):
            continue
        yield FieldRow(name, type_name(field), default(field), field.description or "", depth, absent)
        if (section := _inner_section(field)) is not None:
            yield from fields(section, depth + 1, absent or field.default is None)


def _inner_section(field: FieldInfo) -> type[Spec] | None:
    """Return the class of a field that is a section, even if its default is null; None for any other field."""
    if field.default is not None:
        kind = type(field.default)
        return kind if issubclass(kind, Spec) and not issubclass(kind, Component) else None
    parts = [part for part in get_args(field.annotation) if isinstance(part, type) and issubclass(part, Spec)]
    return next((part for part in parts if not issubclass(part, Component)), None)


def default(field: FieldInfo) -> str:
    """Write a field's default as in a spec."""
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
        return " or ".join(dict.fromkeys(_in_words(part, []) for part in get_args(annotation)))
    if get_origin(annotation) is Literal:
        return " | ".join(map(str, get_args(annotation)))
    if get_origin(annotation) is tuple:
        return "list of " + _in_words(get_args(annotation)[0], [])
    if get_origin(annotation) is dict:
        key, value = get_args(annotation)
        return f"mapping of {_in_words(key, [])} to {_in_words(value, [])}"
    if isinstance(annotation, type) and issubclass(annotation, Spec):
        return "section"
    words = {
        int: "integer",
        float: "number",
        bool: "true or false",
        str: "string",
        types.NoneType: "null",
        Any: "anything",
    }
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
