"""Where each value of a spec was written: in a file, on the command line, by a sweep; the others are defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from deepcli.experiment.merge import registry_of, section_of
from deepcli.experiment.schema import Experiment
from deepcli.spec.registry import Spec
from deepcli.spec.yaml12 import Document, Mark, Path

PROGRAM = "a Python program"
"""Where values come from that were never text."""


def origins(document: Document, unmarked: str | None = None) -> dict[str, str]:
    """Return where each value that a spec sets was written, by dotted key as in the resolved spec; a list is one value.

    Args:
        document: The spec, merged from all its parts.
        unmarked: Where values come from that have no place in the document; None if nobody wrote them.

    Returns:
        Places such as `config.yaml:3:5` or `command line`. A key that is not in it has its default.
    """
    found = {}
    for place, mark in _leaves(document, document.tree, (), Experiment):
        where = unmarked if mark is None else str(mark) or PROGRAM
        if where is not None:
            found[".".join(map(str, place))] = where
    return found


def _leaves(
    document: Document, tree: Mapping[Any, Any], path: Path, cls: type[Spec] | None
) -> Iterator[tuple[Path, Mark | None]]:
    """Yield the place of each value in a section, and where it was written; short forms are written out."""
    for key, value in tree.items():
        place = (*path, key)
        registry = registry_of(cls, key) if cls else None
        written = registry.written_out(value) if registry else value
        if isinstance(written, Mapping):
            yield from _leaves(document, written, place, section_of(cls, key, value) if cls else None)
        else:
            yield place, _mark(document, place)


def _mark(document: Document, place: Path) -> Mark | None:
    """Return the mark of a place, or of what is nearest above it; that of the whole document says nothing."""
    for depth in range(len(place), 0, -1):
        if place[:depth] in document.values:
            return document.values[place[:depth]]
    return None
