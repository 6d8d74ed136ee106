"""YAML 1.2 on top of PyYAML: scalars as people mean them, the position of every value, and strict limits.

PyYAML reads YAML 1.1, where `1e-3` is a string, `no` is false, `017` is fifteen and the last of two equal keys wins.
Resolution follows the core schema of https://yaml.org/spec/1.2.2/#103-core-schema.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

MAX_BYTES = 64 * 1024
MAX_VALUES = 5_000
MAX_DEPTH = 32
TOO_MANY = f"more than {MAX_VALUES} values when aliases are expanded"
TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"
MERGE = "<<"
"""The key that merges mappings into its own, as in YAML 1.1: keys of its own win, and earlier mappings over later ones."""

Path = tuple[str | int, ...]
Expand = Callable[[str, "Mark"], str]
"""Replaces variables in a string; what an unquoted string becomes is read as YAML again."""


@dataclass(frozen=True)
class Mark:
    """A position in a source: a file with line and column, or a command-line argument.

    Attributes:
        source: The file, or `command line`; empty for what a Python program gives.
        line: The line, counted from 1.
        column: The column, counted from 1.
        varies: Whether the value there is one of several, as that of a sweep's parameter.
    """

    source: str
    line: int | None = None
    column: int | None = None
    varies: bool = False

    @property
    def is_override(self) -> bool:
        """Whether it is an override on the command line, which has one value."""
        return self.source != "" and self.line is None and not self.varies

    def __str__(self) -> str:
        return self.source if self.line is None else f"{self.source}:{self.line}:{self.column}"


class YamlError(ValueError):
    """An error in a YAML text, and its position."""

    def __init__(self, mark: Mark, message: str) -> None:
        super().__init__(message)
        self.mark = mark
        self.message = message


@dataclass
class Document:
    """A parsed text: plain values, and for each path the mark of its key and of its value."""

    tree: Any
    keys: dict[Path, Mark] = field(default_factory=dict)
    values: dict[Path, Mark] = field(default_factory=dict)


_NULL = re.compile(r"^(?:~|null|Null|NULL|)$")
_BOOL = re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$")
_INT = re.compile(r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$")
_FLOAT = re.compile(
    r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)
_RESOLVERS = [
    ("tag:yaml.org,2002:null", _NULL, ["~", "n", "N", ""]),
    ("tag:yaml.org,2002:bool", _BOOL, list("tTfF")),
    ("tag:yaml.org,2002:int", _INT, list("-+0123456789")),
    ("tag:yaml.org,2002:float", _FLOAT, list("-+.0123456789")),
]


def _resolvers() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    table: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    for tag, pattern, firsts in _RESOLVERS:
        for first in firsts:
            table.setdefault(first, []).append((tag, pattern))
    return table


class _Loader(yaml.SafeLoader):
    """Stops reading at the first value beyond the limits of a spec on depth and number."""

    yaml_implicit_resolvers = _resolvers()

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self._depth += 1
        self._nodes += 1
        # Keys are nodes too.
        if self._depth > MAX_DEPTH + 1 or self._nodes > 2 * MAX_VALUES:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise _TooMuch(mark, TOO_DEEP if self._depth > MAX_DEPTH + 1 else TOO_MANY)
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node


class _TooMuch(Exception):
    """A spec exceeds a limit, at a mark of PyYAML's."""

    def __init__(self, mark: yaml.Mark, message: str) -> None:
        super().__init__(message)
        self.mark = mark


class _Quick(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    yaml_implicit_resolvers = _resolvers()


class _Dumper(yaml.SafeDumper):
    yaml_implicit_resolvers = _resolvers()

    def ignore_aliases(self, data: object) -> bool:
        return True


def _sequence(dumper: yaml.SafeDumper, items: list[Any] | tuple[Any, ...]) -> yaml.Node:
    flat = not any(isinstance(item, list | tuple | dict) for item in items)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=flat)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    # PyYAML writes these Unicode line breaks unescaped, and folds them when it reads them back.
    style = '"' if text == MERGE or set(text) & {"\x85", "\u2028", "\u2029"} else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(list, _sequence)
_Dumper.add_representer(tuple, _sequence)


def parse(text: str, source: str, expand: Expand | None = None) -> Document:
    """Read one YAML document.

    Args:
        text: The document.
        source: Name of the document in marks and errors, usually the file's path.
        expand: Replaces variables in each string; None leaves strings as they are.

    Raises:
        YamlError: Bad syntax, a duplicate key, a tag, too many values or too many levels.
    """
    if text.count("[") + text.count("{") > MAX_VALUES:
        raise YamlError(Mark(source), f"more than {MAX_VALUES} brackets")
    try:
        node = _Loader(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        at = error.problem_mark or error.context_mark
        mark = Mark(source, at.line + 1, at.column + 1) if at else Mark(source)
        line = text.splitlines()[at.line] if at and at.line < len(text.splitlines()) else ""
        hint = "; a value like ${NAME} needs a line of its own, outside braces and brackets" if "${" in line else ""
        raise YamlError(mark, f"not valid YAML: {error.problem or error.context}{hint}") from None
    except yaml.YAMLError as error:
        raise YamlError(Mark(source), f"not valid YAML: {str(error).splitlines()[0]}") from None
    except _TooMuch as error:
        raise YamlError(Mark(source, error.mark.line + 1, error.mark.column + 1), str(error)) from None
    return _Reader(source, expand).read(node)


def quick(text: str) -> Any:
    """Read YAML that `dump` wrote, in C if PyYAML has it: plain values without positions, and fewer checks.

    Raises:
        ValueError: The text is not YAML.
    """
    try:
        return yaml.load(text, _Quick)
    except (yaml.YAMLError, RecursionError, TypeError) as error:
        raise ValueError(str(error)) from None


class _Reader:
    """Turns nodes into plain values and keeps their marks."""

    def __init__(self, source: str, expand: Expand | None) -> None:
        self.source = source
        self.expand = expand
        self.document = Document(None)
        self.count = 0
        self.merging = 0
        self.expanded = 0

    def read(self, node: yaml.Node | None) -> Document:
        if node is not None:
            self.document.tree = self._value(node, ())
        return self.document

    def _counted(self, node: yaml.Node, depth: int) -> None:
        self.count += 1
        if self.count > MAX_VALUES:
            raise YamlError(self._mark(node), TOO_MANY)
        if depth > MAX_DEPTH:
            raise YamlError(self._mark(node), TOO_DEEP)

    def _value(self, node: yaml.Node, path: Path) -> Any:
        self._counted(node, len(path))
        self.document.values[path] = self._mark(node)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            self._refuse_tag(node, "tag:yaml.org,2002:seq")
            return [self._value(item, (*path, index)) for index, item in enumerate(node.value)]
        if not isinstance(node, yaml.ScalarNode):
            raise YamlError(self._mark(node), "should be a value, a list or a mapping")
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[Any, Any]:
        pairs = self._pairs(node)
        for key, (key_node, _) in pairs.items():
            self.document.keys[(*path, key)] = self._mark(key_node)
        return {key: self._value(value_node, (*path, key)) for key, (_, value_node) in pairs.items()}

    def _pairs(self, node: yaml.MappingNode) -> dict[Any, tuple[yaml.Node, yaml.Node]]:
        """Return the nodes of each key and its value; first those that are merged from other mappings."""
        self._refuse_tag(node, "tag:yaml.org,2002:map")
        own: dict[Any, tuple[yaml.Node, yaml.Node]] = {}
        merged: dict[Any, tuple[yaml.Node, yaml.Node]] | None = None
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise YamlError(self._mark(key_node), "a key should be a plain word")
            key = self._scalar(key_node, key=True)
            merges = key == MERGE and key_node.style is None
            if key in own or (merges and merged is not None):
                raise YamlError(self._mark(key_node), f"duplicate key {key!r}")
            if merges:
                merged = self._merged(value_node)
            else:
                own[key] = (key_node, value_node)
        return {**(merged or {}), **own}

    def _merged(self, node: yaml.Node) -> dict[Any, tuple[yaml.Node, yaml.Node]]:
        """Return what `<<` merges: the pairs of a mapping, or of each mapping of a list."""
        several = isinstance(node, yaml.SequenceNode)
        result: dict[Any, tuple[yaml.Node, yaml.Node]] = {}
        self.merging += 1
        for one in reversed(node.value) if several else [node]:
            if not isinstance(one, yaml.MappingNode):
                raise YamlError(self._mark(one), f"`{MERGE}` should be a mapping such as *base, or a list of mappings")
            self._counted(one, self.merging)
            pairs = self._pairs(one)
            self.count += len(pairs)
            result.update(pairs)
        self.merging -= 1
        return result

    def _scalar(self, node: yaml.ScalarNode, key: bool = False) -> Any:
        text: str = node.value
        kind = node.tag.rpartition(":")[2]
        if kind == "str" and self.expand is not None and "$" in text and not key:
            expanded = self._expanded(text, node)
            if expanded != text and node.style is None:
                kind = next((tag.rpartition(":")[2] for tag, form, _ in _RESOLVERS if form.match(expanded)), kind)
            text = expanded
        if kind == "null" and _NULL.match(text):
            return None
        if kind == "bool" and _BOOL.match(text):
            return text.lower() == "true"
        if kind == "int" and _INT.match(text):
            return _integer(text, self._mark(node))
        if kind == "float" and _FLOAT.match(text):
            return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        self._refuse_tag(node, "tag:yaml.org,2002:str")
        return text

    def _expanded(self, text: str, node: yaml.Node) -> str:
        assert self.expand is not None
        expanded = self.expand(text, self._mark(node))
        self.expanded += len(expanded) if expanded != text else 0
        if self.expanded > MAX_BYTES:
            raise YamlError(self._mark(node), f"more than {MAX_BYTES >> 10} KiB from variables")
        return expanded

    def _refuse_tag(self, node: yaml.Node, expected: str) -> None:
        if node.tag != expected:
            raise YamlError(self._mark(node), f"the tag {node.tag!r} is not allowed; use plain values only")

    def _mark(self, node: yaml.Node) -> Mark:
        return Mark(self.source, node.start_mark.line + 1, node.start_mark.column + 1)


def _integer(text: str, mark: Mark) -> int:
    if len(text) > 40:
        raise YamlError(mark, "an integer of more than 40 characters")
    if text[:2] in ("0o", "0x"):
        return int(text[2:], 8 if text[1] == "o" else 16)
    return int(text)


def dump(tree: Mapping[str, Any]) -> str:
    """Write plain values as YAML that `parse` reads back unchanged."""
    return yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=110)


def dump_line(tree: Mapping[str, Any]) -> str:
    """Write plain values as YAML on one line, with inner sections in braces."""
    text = yaml.dump(
        dict(tree), Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=True, width=math.inf
    )
    return text.strip()[1:-1]
