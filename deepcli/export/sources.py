"""Joins the source text of deepcli's modules into one script that runs without deepcli."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from importlib.resources import files

PICTURES = ("levels", "shapes", "ink", "colours", "drawings", "picture")
"""The modules of `deepcli.inputs` that read a picture, each after those that it imports."""


def joined(names: Sequence[str], package: str = "deepcli.inputs") -> tuple[str, str]:
    """Join modules that import only each other, NumPy, Pillow and the standard library.

    Returns:
        Their imports of other modules, and the rest of their text without the modules' docstrings.
    """
    whole: set[str] = set()
    parts: dict[str, set[str]] = {}
    bodies = []
    for name in names:
        text = files(package).joinpath(f"{name}.py").read_text(encoding="utf-8")
        rest = []
        for node in ast.parse(text).body[1:]:
            if isinstance(node, ast.Import):
                whole.add(ast.unparse(node))
            elif not isinstance(node, ast.ImportFrom):
                rest.append(node)
            elif node.module and node.module != "__future__" and not node.module.startswith(f"{package}."):
                parts.setdefault(node.module, set()).update(alias.name for alias in node.names)
        first = min(node.lineno for node in [rest[0], *getattr(rest[0], "decorator_list", [])])
        bodies.append("\n".join(text.splitlines()[first - 1 :]).strip())
    lines = [*whole, *(f"from {module} import {', '.join(sorted(names))}" for module, names in parts.items())]
    return "\n".join(sorted(lines)), "\n\n\n".join(bodies)
