"""YAML 1.2 on top of PyYAML: scalars as people mean them, the position of every value, and strict limits.

PyYAML reads YAML 1.1, where `1e-3` is a string, `no` is false, `017` is fifteen and the last of two equal keys wins.
Resolution follows the core schema of https://yaml.org/spec/1.2.2/#103-core-schema.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

MAX_BYTES = 64 * 1024
MAX_VALUES = 5_000
MAX_DEPTH = 32
TOO_MANY = f"more than {MAX_VALUES} values when aliases are expanded"
TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"

Path = tuple[str | int, ...]


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
    style = '"' if set(text) & {"\x85", "\u2028", "\u2029"} else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(list, _sequence)
_Dumper.add_representer(tuple, _sequence)


def parse(text: str, source: str) -> Document:
    """Read one YAML document.

    Args:
        text: The document.
        source: Name of the document in marks and errors, usually the file's path.

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
        raise YamlError(mark, f"not valid YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise YamlError(Mark(source), f"not valid YAML: {str(error).splitlines()[0]}") from None
    except _TooMuch as error:
        raise YamlError(Mark(source, error.mark.line + 1, error.mark.column + 1), str(error)) from None
    return _Reader(source).read(node)


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

    def __init__(self, source: str) -> None:
        self.source = source
        self.document = Document(None)
        self.count = 0

    def read(self, node: yaml.Node | None) -> Document:
        if node is not None:
            self.document.tree = self._value(node, ())
        return self.document

    def _value(self, node: yaml.Node, path: Path) -> Any:
        self.count += 1
        if self.count > MAX_VALUES:
            raise YamlError(self._mark(node), TOO_MANY)
        if len(path) > MAX_DEPTH:
            raise YamlError(self._mark(node), TOO_DEEP)
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
        self._refuse_tag(node, "tag:yaml.org,2002:map")
        result: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise YamlError(self._mark(key_node), "a key should be a plain word")
            key = self._scalar(key_node)
            if key in result:
                raise YamlError(self._mark(key_node), f"duplicate key {key!r}")
            self.document.keys[(*path, key)] = self._mark(key_node)
            result[key] = self._value(value_node, (*path, key))
        return result

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        text: str = node.value
        kind = node.tag.rpartition(":")[2]
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
