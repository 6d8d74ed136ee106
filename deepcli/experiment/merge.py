"""Merge files and overrides, section by section; every value keeps the position where it was written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, get_args, get_origin

from deepcli.experiment.elements import Elements, changed_list, holds_elements, without_elements
from deepcli.experiment.schema import Experiment
from deepcli.spec.registry import Registry, Spec
from deepcli.spec.trees import lookup
from deepcli.spec.yaml12 import Document, Path

Section = Mapping[Any, Any]
WHOLE = ("sweep", "parameters")
"""Each entry of this section is replaced as a whole: the bounds of one search range do not belong to another."""


def _hints(annotation: Any) -> Iterator[Any]:
    """Yield every registry and every spec class in an annotation."""
    if isinstance(annotation, type) and not get_args(annotation) and issubclass(annotation, Spec):
        yield annotation
    if get_origin(annotation) is Annotated:
        yield from (extra for extra in annotation.__metadata__ if isinstance(extra, Registry))
    for argument in get_args(annotation):
        yield from _hints(argument)


def registry_of(cls: type[Spec], key: object) -> Registry[Any] | None:
    """Return the registry that a field of a spec class picks from, if it does."""
    field = cls.model_fields.get(key) if isinstance(key, str) else None
    if field is None:
        return None
    found = [*field.metadata, *_hints(field.annotation)]
    return next((extra for extra in found if isinstance(extra, Registry)), None)


def section_of(cls: type[Spec], key: object, value: object) -> type[Spec] | None:
    """Return the spec class that describes the value under a key, if the value determines it."""
    registry = registry_of(cls, key)
    if registry is not None:
        return registry.get(registry.type_of(value))
    return spec_class(cls, key)


def spec_class(cls: type[Spec], key: object) -> type[Spec] | None:
    """Return the spec class in a field's annotation: that of a section, or the base of a registry's components."""
    return next(spec_classes(cls, key), None)


def spec_classes(cls: type[Spec], key: object) -> Iterator[type[Spec]]:
    """Yield every spec class in a field's annotation."""
    field = cls.model_fields.get(key) if isinstance(key, str) else None
    hints = _hints(field.annotation) if field else iter(())
    yield from (hint for hint in hints if isinstance(hint, type))


def class_at(tree: Any, path: Path, cls: type[Spec] = Experiment) -> type[Spec] | None:
    """Return the spec class that describes the mapping at a path."""
    for depth, key in enumerate(path):
        if isinstance(key, int):
            registry = registry_of(cls, path[depth - 1]) if depth else None
            found = registry.get(registry.type_of(lookup(tree, path[: depth + 1]))) if registry else None
        elif depth + 1 < len(path) and isinstance(path[depth + 1], int):
            continue
        else:
            found = section_of(cls, key, lookup(tree, path[: depth + 1]))
        if found is None:
            return None
        cls = found
    return cls


class Merger:
    """Merges documents; the values of a later one win.

    Changing a section's `type` drops the fields that the new type lacks; `notices` names them.
    """

    def __init__(self) -> None:
        self.notices: list[str] = []

    def overlay(self, base: Document, over: Document) -> Document:
        """Merge `over` into `base`, and return the result; neither is changed."""
        result = Document(base.tree, dict(base.keys), dict(base.values))
        if not isinstance(base.tree, Mapping) or not isinstance(over.tree, Mapping):
            return over
        replaced: set[Path] = set()
        result.tree = self._mapping(base.tree, over.tree, Experiment, (), replaced)
        _forget(result, replaced)
        result.keys.update(over.keys)
        result.values.update({path: mark for path, mark in over.values.items() if path or path not in base.values})
        return result

    def _mapping(self, old: Section, new: Section, cls: type[Spec] | None, path: Path, replaced: set[Path]) -> Section:
        merged = dict(old)
        for key, value in new.items():
            merged[key] = self._value(old.get(key), value, cls, (*path, key), replaced, key)
        return merged

    def _value(self, old: Any, new: Any, cls: type[Spec] | None, path: Path, replaced: set[Path], field: object) -> Any:
        """Merge a value into another one; `field` is the field of `cls` that holds it, itself or in its list."""
        registry = registry_of(cls, field) if cls else None
        if isinstance(new, Elements):
            changed = changed_list(old, new, cls, field, path)
            if changed is not None:
                for index, inner in new.items():
                    changed[index] = self._value(changed[index], inner, cls, (*path, index), replaced, field)
                return changed
            new = dict(new)
        if registry is not None:
            old = registry.written_out(old) if isinstance(new, Mapping) else old
            new = registry.written_out(new) if isinstance(old, Mapping) else new
        if path[:-1] == WHOLE:
            new = without_elements(new)
        if not isinstance(old, Mapping) and holds_elements(new):
            replaced.add(path)
            old = {}  # so that lists that are not written are looked for among the defaults
        if not isinstance(old, Mapping) or not isinstance(new, Mapping) or path[:-1] == WHOLE:
            replaced.add(path)
            return new
        if registry is None:
            section = section_of(cls, field, new) if cls else None
            return self._mapping(old, new, section, path, replaced)
        before = registry.get(registry.type_of(old))
        after = registry.get(new.get("type", registry.type_of(old)))
        if before and after and before is not after:
            dropped: list[str] = []
            old = _without(old, before, after, path, dropped)
            if dropped:
                change = f"{registry.type_of(old)} -> {new['type']}"
                self.notices.append(f"{'.'.join(map(str, path))}: {change} drops {', '.join(dropped)}")
        return self._mapping(old, new, after, path, replaced)


def _without(old: Section, before: type[Spec], after: type[Spec], path: Path, dropped: list[str]) -> Section:
    """Remove the fields that the old class has and the new one lacks; typos stay, to be reported."""
    kept: dict[Any, Any] = {}
    for key, value in old.items():
        if key in before.model_fields and key not in after.model_fields:
            dropped.append(".".join(map(str, (*path, key))))
            continue
        inner = [section_of(cls, key, value) for cls in (before, after)]
        if isinstance(value, Mapping) and inner[0] and inner[1]:
            value = _without(value, inner[0], inner[1], (*path, key), dropped)
        kept[key] = value
    return kept


def _forget(document: Document, places: set[Path]) -> None:
    """Remove the marks of places and of everything below them."""
    for marks in (document.keys, document.values):
        for known in list(marks):
            if any(known[:depth] in places for depth in range(len(known) + 1)):
                del marks[known]
