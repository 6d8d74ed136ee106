"""Paths in specs: made absolute, so that they mean the same files from any directory, and named in errors."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from deepcli.spec.registry import Spec

S = TypeVar("S", bound=Spec)


def with_absolute_paths(spec: S, folder: Path | None = None) -> S:
    """Return a spec with all its paths made absolute; `path_fields` of each class lists the fields that are paths.

    Args:
        spec: Any section, or a whole spec.
        folder: The directory that relative paths are relative to; None for the current directory.
    """
    changes = {}
    for name in type(spec).model_fields:
        value = getattr(spec, name)
        is_path = name in spec.path_fields and value not in spec.path_words
        changed = _absolute(value, folder) if is_path else _inside(value, folder)
        if changed is not value and changed != value:
            changes[name] = changed
    return spec.model_copy(update=changes) if changes else spec


def _inside(value: Any, folder: Path | None) -> Any:
    if isinstance(value, Spec):
        return with_absolute_paths(value, folder)
    return tuple(_inside(item, folder) for item in value) if isinstance(value, tuple) else value


def _absolute(value: Any, folder: Path | None) -> Any:
    if isinstance(value, tuple):
        return tuple(_absolute(item, folder) for item in value)
    return absolute(value, folder) if isinstance(value, str) else value


def absolute(path: str, folder: Path | None = None) -> str:
    """Make a path absolute; return a URL such as `s3://bucket/name`, or an invalid path, unchanged."""
    if "://" in path or "\0" in path:
        return path
    try:
        whole = Path(folder or Path.cwd(), Path(path).expanduser())
        plain = Path(os.path.normpath(whole))
        # Normalizing `link/..` is wrong if `link` is a symbolic link to a directory elsewhere.
        same = plain == whole or os.path.realpath(plain) == os.path.realpath(whole)
    except (OSError, ValueError, RuntimeError):
        return path
    return str(plain if same else whole)


def absolute_plugins(plugins: Iterable[str], folder: Path | None = None) -> tuple[str, ...]:
    """Make the paths of plugin files absolute; return module names unchanged."""
    return tuple(absolute(plugin, folder) if plugin.endswith(".py") else plugin for plugin in plugins)


def failure(data: str, error: Exception, tree: Mapping[str, Any]) -> str:
    """Describe why a data set cannot be read.

    Args:
        data: The data set's type.
        error: The exception that reading it raised.
        tree: The plain values of its spec.
    """
    why = unreadable(error, tree) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
    return f"data: {data} cannot be read: {why}"


def unreadable(error: OSError, tree: Mapping[str, Any]) -> str:
    """Describe which file cannot be read, why, and which field names it.

    Args:
        error: The exception that reading it raised.
        tree: The plain values of a spec, or of sections of it.
    """
    if not isinstance(error.filename, str | bytes | os.PathLike):
        return f"{type(error).__name__}: {error.strerror or error}"
    name = os.fsdecode(error.filename)
    field = next((key for key, value in _texts(tree) if _names(value, name)), None)
    there = f"give its new path with {field}=PATH" if field else "correct the path"
    remedy = f"put it back, or {there}" if isinstance(error, FileNotFoundError) else f"check it, or {there}"
    return f"{name}: {error.strerror or error}; {remedy}"


def _texts(tree: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(tree, Mapping):
        for key, inner in tree.items():
            yield from _texts(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(tree, str):
        yield path, tree


def _names(value: str, file: str) -> bool:
    """Return whether a value names a file or one of its parent directories."""
    if not value or value.isspace():
        return False
    place = Path(absolute(value))
    return place in (Path(absolute(file)), *Path(absolute(file)).parents)
