"""Convert pydantic's errors to problems that name the place, the value and the remedy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from deepcli.errors import Problem
from deepcli.experiment.expected import choices, expected
from deepcli.experiment.merge import class_at, spec_class
from deepcli.experiment.schema import Experiment
from deepcli.spec.registry import Spec, show
from deepcli.spec.spelling import did_you_mean
from deepcli.spec.trees import lookup
from deepcli.spec.yaml12 import Document, Mark, Path

MAX_PROBLEMS = 100


def problems(error: ValidationError, document: Document, cls: type[Spec] = Experiment) -> list[Problem]:
    """Describe every error, in the order of the file; errors at one place (a union's branches) become one.

    At most `MAX_PROBLEMS` places are listed, followed by the number of the others.

    Args:
        error: The errors that pydantic found.
        document: The document that was validated.
        cls: The class that it was validated as.
    """
    by_path: dict[Path, list[Any]] = {}
    items = error.errors(include_url=False)
    above = {item["loc"][:depth] for item in items for depth in range(len(item["loc"]))}
    for item in items:
        # pydantic counts only the valid items of a list, so a list with an invalid item may also seem too short.
        if item["type"] == "too_short" and item["loc"] in above:
            continue
        path = _real_path(item["loc"], document.tree, missing=item["type"] == "missing")
        by_path.setdefault(path, []).append(item)
    outer = {path[:depth] for path in by_path for depth in range(len(path))}
    for path in by_path.keys() & outer:
        # If a union accepts a mapping, the errors inside it say more than those about the other branches.
        by_path[path] = [item for item in by_path[path] if not _is_other_branch(item)]
    by_path = {path: found_here for path, found_here in by_path.items() if found_here}
    first = sorted(by_path, key=lambda path: _order(_mark(path, document, document.keys)))[:MAX_PROBLEMS]
    found = []
    for path in first:
        messages = list(dict.fromkeys(_message(item, path, document, cls) for item in by_path[path]))
        found.append(_problem(path, messages, _hint(path, messages, document, cls), document))
    rest = [Problem("", "", f"and at {len(by_path) - len(first)} more places")] if len(by_path) > len(first) else []
    return [problem for _, problem in sorted(found, key=lambda pair: pair[0])] + rest


def _hint(path: Path, messages: list[str], document: Document, cls: type[Spec]) -> str:
    """Suggest a value in the right form, unless a message names what is meant, or the place is empty."""
    if any("did you mean" in message or message.startswith(("unknown", "is missing")) for message in messages):
        return ""
    from deepcli.experiment.forms import meant_here

    mark = _mark(path, document, document.values)
    return meant_here(path, lookup(document.tree, path), document.tree, cls, mark is not None and mark.is_override)


def _is_other_branch(item: Any) -> bool:
    """Return whether an error only says that another branch of a union does not take a list or a mapping."""
    return isinstance(item["input"], Mapping | list | tuple) and (
        item["type"] == "literal_error" or item["type"].endswith("_type")
    )


def _real_path(loc: tuple[str | int, ...], tree: Any, missing: bool) -> Path:
    """Remove the parts of a location that are not keys of the document: the names of a union's branches."""
    path: Path = ()
    for part in loc[:-1] if missing else loc:
        if not isinstance(lookup(tree, path), Mapping | list):
            break
        if lookup(tree, (*path, part)) is not None or _has_key(lookup(tree, path), part):
            path = (*path, part)
    return (*path, loc[-1]) if missing else path if path or not loc else (loc[0],)


def _has_key(value: Any, key: object) -> bool:
    return isinstance(value, Mapping) and key in value


def _message(item: Any, path: Path, document: Document, whole: type[Spec]) -> str:
    tree, kind, value = document.tree, item["type"], item["input"]
    if kind == "misfit":
        return str(item["ctx"]["why"])
    if kind == "missing":
        return "is missing"
    if kind == "too_short":
        return f"should have at least {item['ctx']['min_length']}, not {item['ctx']['actual_length']}"
    if kind == "too_long":
        return f"should have at most {item['ctx']['max_length']}, not {item['ctx']['actual_length']}"
    if kind == "extra_forbidden":
        from deepcli.experiment.pointers import unknown_key  # valid specs do without

        return unknown_key(path, value, tree, whole, _mark(path, document, document.keys) or Mark(""))
    message = expected(item, _section_at(path, tree, whole))
    suggestion = f"; {_meant(value, choices(item))}".rstrip("; ") if isinstance(value, str) else ""
    if isinstance(value, str) and kind != "literal_error":
        suggestion = " (a string)"
    if item["loc"][-1:] == ("[key]",) or kind == "invalid_key":
        message = f"the key {message}"
    return f"{message}, not {show(value)}{suggestion}"


def _meant(value: str, known: list[str]) -> str:
    """Suggest a choice; one that contains the value is nearer than one that is only spelled alike."""
    return did_you_mean(value, [choice for choice in known if value in choice]) or did_you_mean(value, known)


def _section_at(path: Path, tree: Any, whole: type[Spec]) -> type[Spec] | None:
    """Return the class of the section that belongs at a place, if one does."""
    above = class_at(tree, path[:-1], whole) if path else None
    return spec_class(above, path[-1]) if above else None


def _problem(path: Path, messages: list[str], hint: str, document: Document) -> tuple[tuple[str, int, int], Problem]:
    unknown = messages[0].startswith(("unknown field", "unknown section")) and path in document.keys
    mark = _mark(path, document, document.keys if unknown else document.values)
    return _order(mark), Problem(
        str(mark or ""), ".".join(map(str, path)), "; or ".join(messages) + (hint and f"; {hint}")
    )


def _mark(path: Path, document: Document, marks: Mapping[Path, Mark]) -> Mark | None:
    """Return the mark of a place, or of the nearest place above it that has one."""
    mark = marks.get(path)
    while mark is None and path:
        path = path[:-1]
        mark = document.values.get(path)
    return mark


def _order(mark: Mark | None) -> tuple[str, int, int]:
    return (mark.source, mark.line or 0, mark.column or 0) if mark else ("", 0, 0)
