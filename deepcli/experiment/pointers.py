"""Where an unknown key of a spec belongs: its name is searched over the whole spec, with the types that the spec has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_origin

from deepcli.experiment.expected import choices
from deepcli.experiment.forms import filled, problem
from deepcli.experiment.merge import class_at, registry_of, spec_class
from deepcli.experiment.places import fields, in_other_types
from deepcli.experiment.schema import Experiment
from deepcli.experiment.written import dotted, in_file, on_command_line
from deepcli.spec.registry import Registry, Spec
from deepcli.spec.spelling import did_you_mean, listed, misspelled, nearest, same, synonymous
from deepcli.spec.synonyms import OPTIONS, meanings, plain, unneeded
from deepcli.spec.yaml12 import Mark, Path

MOST_PLACES = 3


@dataclass(frozen=True)
class Pointer:
    """Where a key belongs.

    Attributes:
        places: The likeliest places, whole paths; none if nothing is alike.
        value: What to write there.
        sure: Whether the name is that of the field, or a synonym; else it is only spelled like it.
        values: What the field takes, if the value does not fit it; empty if it does.
    """

    places: tuple[Path, ...] = ()
    value: Any = None
    sure: bool = False
    values: str = ""

    @property
    def names(self) -> str:
        """The places, dotted."""
        return listed([dotted(path) for path in self.places], "or")

    def as_override(self) -> str:
        """Say what to write on the command line."""
        if self.values:
            return f"did you mean {dotted(self.places[0])} ({self.values.rstrip('.')})?"
        whole = listed([on_command_line(path, self.value) for path in self.places], "or")
        return f"write {whole}" if self.sure else f"did you mean {whole}?"

    def as_yaml(self, tree: Any) -> str:
        """Say what to write in a file with these plain values."""
        if self.values:
            return self.as_override()
        return f"did you mean {self.names}? Write {in_file(self.places[0], self.value, tree)}"


def unknown_key(path: Path, value: Any, tree: Any, whole: type[Spec], mark: Mark) -> str:
    """Say that a key is unknown, and what to write instead.

    Args:
        path: The key's place.
        value: What the spec has there.
        tree: The whole spec, as plain values.
        whole: The class that the spec should have.
        mark: Where it is written, which decides how what is meant is written.
    """
    cls = class_at(tree, path[:-1], whole)
    name, known = str(path[-1]), list(cls.model_fields) if cls else []
    what = f"unknown {'section' if len(path) == 1 else 'field'}; "
    names = f"known: {', '.join(known)}"
    if own := same(name, known) or synonymous(name, known):
        here = _with_value([(*path[:-1], own[0])], name, value, tree, whole)
        return what + here.as_override() if mark.is_override else f"{what}{did_you_mean(name, known)}{names}"
    found = pointer(path, value, tree, whole)
    if found.sure and _is_below(found, path):
        return what + _shown(found, tree, mark)
    if elsewhere := in_other_types(path, tree, whole):
        return f"{what}{elsewhere}; {'or ' + _shown(found, tree, mark) if found.sure else names}"
    if misspelled(name, known):
        return f"{what}{did_you_mean(name, known)}{names}"
    if found.sure:
        return what + _shown(found, tree, mark)
    if why := unneeded(name):
        return f"{what}{why}"
    if option := next((one for one in (name, *meanings(name)) if one in OPTIONS), None):
        return f"{what}use the option --{option.replace('_', '-')} of `deepcli train`"
    if near := did_you_mean(name, known):
        return f"{what}{near}{names}"
    return f"{what}{_shown(found, tree, mark)} {names}" if found.places else what + names


def _shown(found: Pointer, tree: Any, mark: Mark) -> str:
    if mark.varies:  # without one of its values: a sweep would list the same mistake once for each
        return f"did you mean {found.names}?"
    return found.as_override() if mark.is_override else found.as_yaml(tree)


def _is_below(found: Pointer, path: Path) -> bool:
    return bool(found.places) and found.places[0][: len(path) - 1] == path[:-1]


def pointer(path: Path, value: Any, tree: Any, whole: type[Spec] = Experiment) -> Pointer:
    """Find where an unknown key belongs, other than in its own section: first below that section, then anywhere.

    Args:
        path: The key's place.
        value: What the spec has there.
        tree: The whole spec, as plain values.
        whole: The class that the spec should have.
    """
    name, every = str(path[-1]), list(fields(tree, whole))
    if name == "type":
        return _of_type(value, every, tree, whole)
    below = [one for one in every if one[: len(path) - 1] == path[:-1]]
    for sure, search in ((True, _equal), (True, _synonymous), (False, _near)):
        for among in (below, every):
            if found := search(name, among):
                return _with_value(found, name, value, tree, whole, sure)
    return Pointer()


def _of_type(name: Any, among: Sequence[Path], tree: Any, whole: type[Spec]) -> Pointer:
    """Find the section that has a type of this name."""
    for place in among:
        above = class_at(tree, place[:-1], whole)
        registry = registry_of(above, place[-1]) if above else None
        if registry is not None and registry.get(name) is not None:
            return Pointer((place,), name, True)
    return Pointer()


def _equal(name: str, among: Sequence[Path]) -> list[Path]:
    found = sorted((path for path in among if plain(str(path[-1])) == plain(name)), key=len)
    return found[:1] if found and len(found[0]) == 1 else found[:MOST_PLACES]


def _synonymous(name: str, among: Sequence[Path]) -> list[Path]:
    return next((found for meaning in meanings(name) if (found := _equal(meaning, among))), [])


def _near(name: str, among: Sequence[Path]) -> list[Path]:
    return [path for leaf in misspelled(name, [str(path[-1]) for path in among]) for path in _equal(leaf, among)]


def _with_value(found: list[Path], name: str, value: Any, tree: Any, whole: type[Spec], sure: bool = True) -> Pointer:
    """Add what to write: a name that the registry of a place has, or a field of a section that is meant as a whole."""
    above = class_at(tree, found[0][:-1], whole)
    key = str(found[0][-1])
    if above is None or key not in above.model_fields:
        return Pointer(tuple(found), value, sure)
    registry, section = registry_of(above, key), spec_class(above, key)
    if key == "type":
        outside = class_at(tree, found[0][:-2], whole)
        registry = registry_of(outside, found[0][-2]) if outside else None
    if registry is None and section is not None and not isinstance(value, Mapping):
        inner, right = filled(section, value)
        return Pointer(tuple((*path, inner) for path in found), right, sure)
    if registry is not None:
        right = _named(value, registry)
        is_list = get_origin(above.model_fields[key].annotation) is tuple and isinstance(right, str)
        return Pointer(tuple(found), [right] if is_list else right, sure)
    right, values = _fitting(name, value, above, key)
    return Pointer(tuple(found), right, sure, values)


def _fitting(name: str, value: Any, section: type[Spec], key: str) -> tuple[Any, str]:
    """Return a value that a field takes; if none is known, what it takes in words.

    A name may say the value, too: `fp16: true` is the precision `mixed_float16`.
    """
    if (error := problem(section, key, value)) is None:
        return value, ""
    allowed = [choice for item in error.errors() for choice in choices(item)]
    if meant := [one for one in meanings(name) if one in allowed] or nearest(value, allowed):
        return meant[0], ""
    return value, section.model_fields[key].description or "another value"


def _named(value: Any, registry: Registry[Any]) -> Any:
    return next(iter(nearest(value, registry)), value) if isinstance(value, str) and value not in registry else value
