"""How a user writes a field: as an override that a shell passes on unchanged, or as YAML in its section."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from yaml import YAMLError

from deepcli.experiment.merge import registry_of
from deepcli.experiment.schema import Experiment
from deepcli.spec.yaml12 import Path, dump_line

SAFE = re.compile(r"[\w@%+=:,./-]*", re.ASCII)
"""What needs no quotes in any shell."""
LONGEST = 80
"""Longer values are left out."""


def dotted(path: Path) -> str:
    """Return a path as messages and overrides write it."""
    return ".".join(map(str, path))


def as_text(value: Any) -> str:
    """Return a value as YAML on one line; `...` for one that is long, or not one of YAML's."""
    try:
        text = dump_line({"x": value}).partition(": ")[2]
    except YAMLError:
        return "..."
    return text if len(text) <= LONGEST else "..."


def on_command_line(path: Path, value: Any) -> str:
    """Return the override that sets a field, in quotes if a shell needs them."""
    word = f"{dotted(path)}={as_text(value)}"
    return word if SAFE.fullmatch(word) else f'"{word}"' if not re.search(r'["$`\\!]', word) else f"'{word}'"


def in_file(path: Path, value: Any, tree: Any) -> str:
    """Return the YAML that sets a field, on one line, with its section as a spec has it; `...` is what it has already."""
    key, *rest = path
    if not rest:
        return f"{key}: {as_text(value)}"
    old = tree.get(key) if isinstance(tree, Mapping) else None
    inner = in_file(tuple(rest), value, old)
    if isinstance(old, str):
        registry = registry_of(Experiment, key)
        written: Any = registry.written_out(old) if registry else {"type": old}
        return f"{key}: {{{dump_line(written)}, {inner}}}"
    return f"{key}: {{{'..., ' if isinstance(old, Mapping) and old else ''}{inner}}}"
