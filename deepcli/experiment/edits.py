"""Overrides that depend on those before them: `model.layers.0.units=8`, `metrics+=auc` and `~schedule`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from deepcli.experiment.elements import (
    COMMAND_LINE,
    Elements,
    as_list,
    described,
    dotted,
    refusal,
    takes_only_lists,
    whole,
)
from deepcli.experiment.merge import Merger, class_at
from deepcli.experiment.task_metrics import default_metrics
from deepcli.spec import yaml12
from deepcli.spec.spelling import did_you_mean
from deepcli.spec.trees import lookup
from deepcli.spec.yaml12 import Document, Mark, Path, YamlError

COMMAS = re.compile(r"""[^\s,\[\]{}'"#]+(?:,[^\s,\[\]{}'"#]+)*,?""")
"""A list without brackets, which shells leave alone: `16,32`."""


def key_of(word: str) -> str:
    """Return the dotted key of an override of any kind."""
    return word.removeprefix("~").partition("=")[0].removesuffix("+")


def path_of(word: str) -> Path:
    """Return the path of an override of any kind; a number is the number of an element."""
    return tuple(int(part) if re.fullmatch(r"-?\d+", part) else part for part in key_of(word).split("."))


def is_removal(word: str) -> bool:
    """Return whether an override sets a value back to its default: `~schedule`."""
    return word.startswith("~")


def is_appending(word: str) -> bool:
    """Return whether an override appends to a list: `metrics+=auc`."""
    return not is_removal(word) and word.partition("=")[0].endswith("+")


def depends_on_order(word: str) -> bool:
    """Return whether an override means something else after other overrides than before them."""
    return is_removal(word) or is_appending(word) or any(isinstance(part, int) for part in path_of(word))


def items_of(text: str) -> list[Any] | None:
    """Read a list that is written with commas and without brackets, such as `16,32`; None if it is not one."""
    if "," not in text or not COMMAS.fullmatch(text):
        return None
    try:
        return [yaml12.parse(part, COMMAND_LINE).tree for part in text.removesuffix(",").split(",")]
    except YamlError:
        return None


def with_lists(document: Document, words: list[str]) -> Document:
    """Read values such as `16,32` as lists where a field can be a list and cannot be a string."""
    for word in words:
        path, text = path_of(word), word.partition("=")[2]
        items = items_of(text)
        if items is None or lookup(document.tree, path) != text.strip():
            continue
        if takes_only_lists(class_at(document.tree, path[:-1]), path[-1]):
            document = Document(_replaced(document.tree, path, items), document.keys, document.values)
    return document


def appended(merger: Merger, document: Document, word: str, value: Any) -> Document:
    """Append a value to a list, or each value of a list.

    Raises:
        SpecError: There is no list.
    """
    path = path_of(word)
    cls, old = class_at(document.tree, path[:-1]), lookup(document.tree, path)
    known = cls is None or not isinstance(path[-1], str) or path[-1] in cls.model_fields
    listed = as_list(old, cls, path[-1])
    if listed is None and path == ("metrics",) and old in (None, "auto"):
        listed = default_metrics(document)
    if listed is None and known and cls is not None:
        why = f"{dotted(path)} is {described(old, cls, path[-1])}, not a list, so nothing can be appended"
        raise refusal(word, f"{why}; {whole(dotted(path), cls, path[-1])}")
    before = listed or []  # an unknown field is reported when the spec is validated
    items = items_of(value) if isinstance(value, str) and takes_only_lists(cls, path[-1]) else None
    new = [*before, *(items or (value if isinstance(value, list) else [value]))]
    over = Document(
        _nested(word, path, new), *({path[:depth]: Mark(COMMAND_LINE) for depth in range(1, len(path) + 1)},) * 2
    )
    result = merger.overlay(document, over)
    for marks, earlier in ((result.keys, document.keys), (result.values, document.values)):
        marks.update({place: mark for place, mark in earlier.items() if place[:-1][: len(path)] == path})
    result.values.update({(*path, index): Mark(COMMAND_LINE) for index in range(len(before), len(new))})
    return result


def removed(document: Document, word: str) -> Document:
    """Remove a value, so that its default counts again, or an element of a list.

    Raises:
        SpecError: The spec does not set it.
    """
    path = path_of(word)
    above, last = lookup(document.tree, path[:-1]), path[-1]
    if path == ("name",):
        raise refusal(word, "a run always has a name; write name=NEW")
    if isinstance(above, list | tuple) and isinstance(last, int):
        if not 0 <= last < len(above):
            there = f"has the elements 0 to {len(above) - 1}" if above else "is empty"
            raise refusal(word, f"there is no element {last} to remove: {dotted(path[:-1])} {there}")
    elif not isinstance(above, Mapping) or last not in above:
        near = did_you_mean(last, [str(key) for key in above]) if isinstance(above, Mapping) else ""
        cls = class_at(document.tree, path[:-1])
        default = (
            "it has its default; leave this out" if cls and last in cls.model_fields else "`deepcli show` lists all"
        )
        why = f"the spec does not set {dotted(path)}, so there is nothing to remove"
        raise refusal(word, f"{why}; {near or default}".rstrip())
    tree = _without(document.tree, path)
    shifts = isinstance(above, list | tuple)
    keys, values = (_moved(marks, path, shifts) for marks in (document.keys, document.values))
    if not shifts:
        values[path] = Mark(COMMAND_LINE)  # so that a section that is required is missed here
    return Document(tree, keys, values)


def _nested(word: str, path: Path, value: Any) -> Any:
    """Return the tree that has only one value."""
    for key in reversed(path):
        around: dict[Any, Any] = Elements(word) if isinstance(key, int) else {}
        around[key] = value
        value = around
    return value


def _replaced(tree: Any, path: Path, value: Any) -> Any:
    """Return a copy of a tree with another value at a place that it has."""
    if not path:
        return value
    copy: Any = dict(tree) if isinstance(tree, Mapping) else list(tree)
    copy[path[0]] = _replaced(tree[path[0]], path[1:], value)
    return copy


def _without(tree: Any, path: Path) -> Any:
    """Return a copy of a tree without a value that it has."""
    copy: Any = dict(tree) if isinstance(tree, Mapping) else list(tree)
    if len(path) > 1:
        copy[path[0]] = _without(tree[path[0]], path[1:])
    else:
        del copy[path[0]]
    return copy


def _moved(marks: Mapping[Path, Mark], path: Path, shifts: bool) -> dict[Path, Mark]:
    """Return marks without those of a place; in a list, those of later elements move up."""
    result: dict[Path, Mark] = {}
    *above, last = path
    for place, mark in marks.items():
        inside = list(place[: len(above)]) == above and len(place) > len(above)
        key = place[len(above)] if inside else None
        if inside and key == last:
            continue
        if inside and shifts and isinstance(key, int) and isinstance(last, int) and key > last:
            place = (*above, key - 1, *place[len(path) :])
        result[place] = mark
    return result
