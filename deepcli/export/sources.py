"""The text of modules of deepcli's, joined into one script that does without deepcli."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from importlib.resources import files

PICTURES = ("levels", "shapes", "ink", "colours", "drawings", "picture")
"""What reads a picture, inside `deepcli.inputs`, each after those that it imports."""


def joined(names: Sequence[str], package: str = "deepcli.inputs") -> tuple[str, str]:
    """Join modules that import each other, NumPy, Pillow and what comes with Python only.

    Returns:
        Their imports from elsewhere, and the rest of them, without docstrings of modules.
    """
    imports: set[str] = set()
    bodies = []
    for name in names:
        text = files(package).joinpath(f"{name}.py").read_text(encoding="utf-8")
        statements = ast.parse(text).body
        rest = [node for node in statements[1:] if not isinstance(node, ast.Import | ast.ImportFrom)]
        for node in statements[1:]:
            if isinstance(node, ast.ImportFrom) and node.module not in ("__future__", None):
                if not (node.module or "").startswith(f"{package}."):
                    imports |= {f"from {node.module} import {alias.name}" for alias in node.names}
            elif isinstance(node, ast.Import):
                imports.add(ast.unparse(node))
        first = rest[0]
        line = min([first.lineno, *(decorator.lineno for decorator in getattr(first, "decorator_list", []))])
        bodies.append("\n".join(text.splitlines()[line - 1 :]).strip())
    return "\n".join(sorted(imports)), "\n\n\n".join(bodies)
