"""Trees of plain values: looked into by path, flattened, compared."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from deepcli.spec.yaml12 import Path

Value = Any
"""A number or a string; None if a run does not have the value."""


def lookup(tree: Any, path: Path) -> Any:
    """Return the value at a path in plain values; None if the path does not exist."""
    for key in path:
        if isinstance(tree, Mapping):
            tree = tree.get(key)
        elif isinstance(tree, list | tuple) and isinstance(key, int) and key < len(tree):
            tree = tree[key]
        else:
            return None
    return tree


def flat(tree: Any, path: str = "") -> Iterator[tuple[str, Value]]:
    """Yield each leaf of a tree by its dotted key; a list is one value."""
    if isinstance(tree, Mapping):
        for key, inner in tree.items():
            yield from flat(inner, f"{path}.{key}" if path else str(key))
    elif path:
        yield path, json.dumps(tree, ensure_ascii=False) if isinstance(tree, list) else tree
    else:
        raise ValueError("is not a mapping")


def differences(before: Any, now: Any, path: str = "") -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Yield each dotted path at which two trees of plain values differ, with both values; None for a missing one."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in [*before, *(key for key in now if key not in before)]:
            yield from differences(before.get(key), now.get(key), f"{path}.{key}" if path else str(key))
    elif before != now or isinstance(before, bool) != isinstance(now, bool):
        yield path, (before, now)
