"""Parse the arguments of `deepcli sweep`: spec files, overrides, and parameters to vary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepcli.errors import Problem, SpecError
from deepcli.experiment.edits import is_appending, is_removal, items_of, key_of
from deepcli.experiment.elements import COMMAND_LINE
from deepcli.experiment.load import SWEEP, is_override
from deepcli.experiment.merge import registry_of
from deepcli.experiment.schema import Experiment
from deepcli.experiment.split_words import refuse_split
from deepcli.spec import yaml12
from deepcli.spec.yaml12 import Document, Mark, YamlError
from deepcli.sweeps.spec import slot

RANGES = {
    "uniform": "uniform",
    "log": "log_uniform",
    "log_uniform": "log_uniform",
    "int": "int",
    "int_log": "int_log",
}
EXAMPLE = "write log:1e-4:1e-1, uniform:0:0.5, int:1:4 or int_log:16:256; a third number is the step"


@dataclass(frozen=True)
class Told:
    """The arguments of a command, by kind.

    Attributes:
        files: The spec files, or documents that are already in memory.
        overrides: Overrides of the spec, in order.
        section: Overrides of the section `sweep`.
        parameters: The parameters to vary by dotted key, in the form of the section.
        fixed: Keys that get a single value, so that they do not vary.
    """

    files: tuple[Path | Document, ...]
    overrides: tuple[str, ...]
    section: tuple[str, ...]
    parameters: Mapping[str, Any]
    fixed: frozenset[str]


def sort(
    words: Sequence[str | Path | Document],
    overrides: Iterable[str] = (),
    varied: Mapping[str, Any] | None = None,
) -> Told:
    """Sort arguments by kind; the last argument for a key wins.

    Args:
        words: Files, overrides, and parameters: `key=log:1e-4:1e-1`, or `key=[1, 2]` for candidates.
        overrides: Overrides that are never parameters, even if the value is a list.
        varied: More parameters by dotted key, in the form of the section `sweep`.

    Raises:
        SpecError: An argument is a malformed range, or is not valid YAML.
    """
    refuse_split(words, overrides := tuple(overrides))
    parameters: dict[str, Any] = {}
    changes: list[str] = []
    fixed: set[str] = set()
    for word in (word for word in words if isinstance(word, str) and is_override(word)):
        key, text = key_of(word), word.partition("=")[2]
        changes_only = is_appending(word) or is_removal(word)
        varies = None if _is_section(word) or changes_only else _parameter(word, text)
        if varies is None and (is_appending(word) or not _decides(text)):
            changes.append(word)
            continue
        parameters = _without(parameters, key)
        fixed.discard(slot(key))
        if varies is None:
            changes.append(word)
            fixed.add(slot(key))
        else:
            parameters[key] = varies
    for key, value in (varied or {}).items():
        parameters = {**_without(parameters, key), key: value}
        fixed.discard(slot(key))
    for word in overrides:
        changes.append(word)
        key, text = key_of(word), word.partition("=")[2]
        if not is_appending(word) and _decides(text):
            fixed.add(slot(key))
            parameters = _without(parameters, key)
    return Told(
        tuple(_file(word) for word in words if not (isinstance(word, str) and is_override(word))),
        tuple(word for word in changes if not _is_section(word)),
        tuple(word for word in changes if _is_section(word)),
        parameters,
        frozenset(fixed),
    )


def _file(word: str | Path | Document) -> Path | Document:
    return Path(word) if isinstance(word, str) else word


def _without(parameters: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {other: value for other, value in parameters.items() if slot(other) != slot(key)}


def _decides(text: str) -> bool:
    """Return whether an override sets a whole value; a mapping without `type` only changes fields in a section."""
    try:
        value = yaml12.parse(text, COMMAND_LINE).tree
    except YamlError:
        return True
    return not isinstance(value, dict) or "type" in value


def _is_section(word: str) -> bool:
    return key_of(word).partition(".")[0] == SWEEP


def _parameter(word: str, text: str) -> Any:
    """Return the parameter that an argument defines; None if it is a plain override."""
    source = f"{COMMAND_LINE}: {word}"
    name, colon, bounds = text.partition(":")
    if colon and name.strip() in RANGES:
        return {**_bounds(word, bounds), "distribution": RANGES[name.strip()]}
    try:
        value = yaml12.parse(text, source).tree
    except YamlError as error:
        raise SpecError([Problem(COMMAND_LINE, word, error.message)]) from None
    return value if isinstance(value, list) else _candidates(word, text)


def _candidates(word: str, text: str) -> list[Any] | None:
    """Return candidates that are written with commas alone: numbers, or names where a section is a component."""
    items = items_of(text)
    if items is None or all(isinstance(item, int | float) for item in items):
        return items
    section = slot(key_of(word))
    return items if section != "data" and registry_of(Experiment, section) is not None else None


def _bounds(word: str, text: str) -> dict[str, Any]:
    try:
        values = [yaml12.parse(part.strip(), word).tree for part in text.split(":")]
    except YamlError:
        values = []
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    if len(values) not in (2, 3) or not numbers:
        raise SpecError([Problem(COMMAND_LINE, word, f"is not a valid range; {EXAMPLE}")])
    return dict(zip(("min", "max", "step"), values, strict=False))


def written(key: str, value: Any) -> str:
    """Return the override that sets a key to a value, before quoting for a shell."""
    return f"{key}={yaml12.dump_line({'x': value}).partition(': ')[2]}"


def add(section: Document, told: Told, options: Mapping[str, Any]) -> None:
    """Add the parameters and options of the command line to a document's section `sweep`, in place."""
    inner = section.tree.setdefault(SWEEP, {})
    if inner is None:
        inner = section.tree[SWEEP] = {}
    if not isinstance(inner, dict):
        return
    for name, value in options.items():
        if value is not None:
            _put(section, inner, (SWEEP, name), value, Mark("--" + name.replace("_", "-")))
    if not told.parameters:
        return
    if inner.get("parameters") is None:
        inner["parameters"] = {}
    if isinstance(inner["parameters"], dict):
        for key, value in told.parameters.items():
            for other in [other for other in inner["parameters"] if isinstance(other, str) and other != key]:
                if slot(other) == slot(key):
                    del inner["parameters"][other]
            _put(section, inner["parameters"], (SWEEP, "parameters", key), value, Mark(COMMAND_LINE))


def _put(section: Document, into: dict[Any, Any], path: yaml12.Path, value: Any, mark: Mark) -> None:
    for marks in (section.keys, section.values):
        for known in [known for known in marks if known[: len(path)] == path]:
            del marks[known]
        marks[path] = mark
    into[path[-1]] = value


def apart(document: Document) -> Document:
    """Return a copy of a document whose section `sweep` can be changed without affecting the original."""
    tree = dict(document.tree)
    if isinstance(inner := tree.get(SWEEP), Mapping):
        tree[SWEEP] = {key: dict(value) if isinstance(value, Mapping) else value for key, value in inner.items()}
    return Document(tree, dict(document.keys), dict(document.values))


def read(
    gathered: tuple[Document, tuple[str, ...]], told: Told, options: Mapping[str, Any]
) -> tuple[Document, tuple[str, ...]]:
    """Merge the command line's parameters and options into the section `sweep`; remove parameters that it fixes.

    Overrides of the spec itself are not applied yet.

    Args:
        gathered: The merged files and overrides of the section, with notices.
        told: The arguments of the command line.
        options: Fields of the section that are given as options.
    """
    document, notices = apart(gathered[0]), gathered[1]
    add(document, told, options)
    section = document.tree[SWEEP]
    parameters = section.get("parameters") if isinstance(section, Mapping) else None
    if isinstance(parameters, dict):
        for key in [key for key in parameters if isinstance(key, str) and slot(key) in told.fixed]:
            del parameters[key]
            notices = (*notices, f"{key}: does not vary, as the command line sets a single value")
    return document, notices
