"""Every place of a spec where something can be set, with the types that the spec has; and the fields of other types."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_origin

from pydantic.fields import FieldInfo

from deepcli.experiment.merge import class_at, registry_of, section_of, spec_class
from deepcli.spec.registry import Spec
from deepcli.spec.spelling import listed, nearest
from deepcli.spec.synonyms import meanings
from deepcli.spec.trees import lookup
from deepcli.spec.yaml12 import Path


def fields(tree: Any, cls: type[Spec], path: Path = ()) -> Iterator[Path]:
    """Yield the path of every field of a spec, also of sections that it leaves out; nothing inside lists."""
    for name, field in cls.model_fields.items():
        here = (*path, name)
        yield here
        value = lookup(tree, here)
        if isinstance(value, list):
            continue
        inner = _chosen(cls, name, value) if value is not None else _default(cls, name, field)
        if inner is not None:
            yield from fields(tree, inner, here)


def _chosen(cls: type[Spec], name: str, value: Any) -> type[Spec] | None:
    """Return the class of a section that a spec has; of an unknown type, that of the type it is most like."""
    registry = registry_of(cls, name)
    found = section_of(cls, name, value)
    if found is not None or registry is None or get_origin(cls.model_fields[name].annotation) is tuple:
        return found
    near = nearest(registry.type_of(value), registry)
    return registry[near[0]] if near else spec_class(cls, name)


def _default(cls: type[Spec], name: str, field: FieldInfo) -> type[Spec] | None:
    """Return the class of a section that a spec leaves out: of a required one, what all its types have."""
    if isinstance(field.default, Spec):
        return type(field.default)
    if get_origin(field.annotation) is tuple:
        return None
    return spec_class(cls, name) if registry_of(cls, name) is None or field.is_required() else None


def in_other_types(path: Path, tree: Any, whole: type[Spec]) -> str:
    """Say which other types of a section have a field of this name, `momentum` for example; else an empty string."""
    sections = [path[:-1]] if len(path) > 1 else [(name,) for name in whole.model_fields]
    for name in (str(path[-1]), *meanings(str(path[-1]))):
        for place in sections:
            above = class_at(tree, place[:-1], whole)
            registry = registry_of(above, place[-1]) if above else None
            chosen = registry.type_of(lookup(tree, place) or {}) if registry is not None else None
            if registry is None or registry.get(chosen) is None:  # an unknown type is a mistake of its own
                continue
            if having := [one for one in registry if name in registry[one].model_fields]:
                return f"{name} is a field of the {registry.kind} {listed(having, 'and')}, not of {chosen}"
    return ""
