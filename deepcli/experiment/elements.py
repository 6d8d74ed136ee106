"""Elements of lists in overrides, such as `model.layers.0.filters=16`, and the lists that they are elements of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from deepcli.errors import Problem, SpecError
from deepcli.spec.registry import Spec, show
from deepcli.spec.yaml12 import Path

COMMAND_LINE = "command line"
"""The place of an override in errors."""


class Elements(dict[int, Any]):
    """New values by number: elements, if a list is changed, or else the entries of a mapping with integer keys.

    Args:
        word: The override that says so.
    """

    def __init__(self, word: str) -> None:
        super().__init__()
        self.word = word


def holds_elements(value: Any) -> bool:
    """Return whether there are elements anywhere inside a value."""
    return isinstance(value, Mapping) and (isinstance(value, Elements) or any(map(holds_elements, value.values())))


def without_elements(value: Any) -> Any:
    """Return a value with its elements as mappings."""
    return {key: without_elements(inner) for key, inner in value.items()} if isinstance(value, Mapping) else value


def changed_list(old: Any, new: Elements, cls: type[Spec] | None, field: object, path: Path) -> list[Any] | None:
    """Return a copy of the list whose elements are to be changed; None if integer keys of a mapping are meant.

    Args:
        old: The value as it is; None if it is not written.
        new: The elements.
        cls: The class of the section, if it is known.
        field: The field that holds the value.
        path: The place of the value.

    Raises:
        SpecError: There is no such element, or no list.
    """
    listed = as_list(old, cls, field)
    name = dotted(path)
    if listed is None:
        if isinstance(old, Mapping) or not has_no_entries(cls, field):
            return None
        raise refusal(new.word, f"{name} is {described(old, cls, field)}, not a list; {whole(name, cls, field)}")
    for index in new:
        if not 0 <= index < len(listed):
            last = len(listed) - 1
            there = (
                f"has the elements 0 to {last}" if last > 0 else "has only the element 0" if not last else "is empty"
            )
            remedy = "count from 0, from the first" if index < 0 else f"to append, write {name}+=VALUE"
            raise refusal(new.word, f"there is no element {index}: {name} {there}; {remedy}")
    return listed


def as_list(value: Any, cls: type[Spec] | None, field: object) -> list[Any] | None:
    """Return a copy of a list, as it is written or by default; a single value that is short for a list is one of one.

    Args:
        value: The value; None if it is not written.
        cls: The class of the section, if it is known.
        field: The field that holds the value.

    Returns:
        None if it is not a list.
    """
    if isinstance(value, list | tuple):
        return list(value)
    if not takes_lists(cls, field):
        return None
    if value is None:
        default = _field(cls, field).default
        return [_plain(item) for item in default] if isinstance(default, tuple) else None
    return [value] if type(value) in _short_for_lists(cls, field) else None


def takes_lists(cls: type[Spec] | None, field: object) -> bool:
    """Return whether a field can be a list."""
    return any(get_origin(kind) is tuple for kind in _kinds(cls, field))


def takes_only_lists(cls: type[Spec] | None, field: object) -> bool:
    """Return whether a field can be a list and cannot be any string, so that `a,b` has only one meaning."""
    return takes_lists(cls, field) and str not in (*_kinds(cls, field), *_short_for_lists(cls, field))


def has_no_entries(cls: type[Spec] | None, field: object) -> bool:
    """Return whether a field is known, and is never a mapping whose keys may be integers."""
    kinds = _kinds(cls, field)
    return bool(kinds) and not any(get_origin(kind) is dict or kind is Any for kind in kinds)


def described(value: Any, cls: type[Spec] | None, field: object) -> str:
    """Describe a value, or the default of one that is not written."""
    default = getattr(_field(cls, field), "default", None)
    return show(value if value is not None or default is None or isinstance(default, Spec) else default)


def whole(name: str, cls: type[Spec] | None, field: object) -> str:
    """Say how a value is written as a whole."""
    return f"write the whole list: {name}=A,B" if takes_only_lists(cls, field) else f"write {name}=VALUE"


def dotted(path: Path) -> str:
    """Write a path as in an override."""
    return ".".join(map(str, path))


def refusal(word: str, why: str) -> SpecError:
    """Return the error for an override that cannot be applied."""
    return SpecError([Problem(COMMAND_LINE, word if len(word) <= 80 else f"{word[:77]}...", why)])


def _field(cls: type[Spec] | None, field: object) -> Any:
    return cls.model_fields.get(field) if cls is not None and isinstance(field, str) else None


def _kinds(cls: type[Spec] | None, field: object) -> list[Any]:
    """List the types of a field; none if the field is unknown."""
    info = _field(cls, field)
    return [] if info is None else list(alternatives(info.annotation))


def _short_for_lists(cls: type[Spec] | None, field: object) -> list[Any]:
    """List the types that a field accepts besides its own, such as one number for a list of one."""
    info = _field(cls, field)
    inputs = [getattr(extra, "json_schema_input_type", None) for extra in _metadata(info)]
    return [kind for given in inputs for kind in alternatives(given) if given is not None]


def _metadata(info: Any) -> Iterator[Any]:
    """Yield what annotates a field, and each of its alternatives."""
    if info is not None:
        yield from info.metadata
        for part in (info.annotation, *get_args(info.annotation)):
            if get_origin(part) is Annotated:
                yield from part.__metadata__


def alternatives(annotation: Any) -> Iterator[Any]:
    """Yield the types that an annotation allows, without what is inside lists."""
    if get_origin(annotation) is Annotated:
        yield from alternatives(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType):
        for part in get_args(annotation):
            yield from alternatives(part)
    else:
        yield annotation


def _plain(value: Any) -> Any:
    return value.model_dump() if isinstance(value, Spec) else value
