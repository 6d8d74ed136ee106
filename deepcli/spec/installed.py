"""Plugins that are installed: packages that name modules of theirs under `[project.entry-points."deepcli.plugins"]`.

Packages are looked through by `importlib.metadata`, which takes as long as the rest of `deepcli --help`. So folders are
looked through first for a package that names deepcli at all, and where there is none, nothing else is done.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

PLUGINS, COMMANDS = "deepcli.plugins", "deepcli.commands"
OFF = "DEEPCLI_NO_PLUGINS"
"""The environment variable that leaves installed plugins out, here and in every process that this one starts."""
_NAMED = b"[deepcli."


@dataclass(frozen=True)
class Installed:
    """One entry point.

    Attributes:
        name: Its name.
        package: The package that has it, and its version.
        entry: Loads it.
    """

    name: str
    package: str
    entry: EntryPoint

    def __str__(self) -> str:
        return f"{self.name} (from {self.package})"


def installed(group: str) -> tuple[Installed, ...]:
    """List the entry points of a group by name; none where plugins are left out.

    Args:
        group: `PLUGINS` or `COMMANDS`.
    """
    if os.environ.get(OFF, "") not in ("", "0"):
        return ()
    return _installed(group, tuple(sys.path))


@cache
def _installed(group: str, path: tuple[str, ...]) -> tuple[Installed, ...]:
    if not _any_names_deepcli(path):
        return ()
    from importlib import metadata

    found = [
        Installed(entry.name, f"{entry.dist.name} {entry.dist.version}" if entry.dist else "unknown", entry)
        for entry in metadata.entry_points(group=group)
    ]
    return tuple(sorted(found, key=lambda one: one.name))


@cache
def _any_names_deepcli(path: tuple[str, ...]) -> bool:
    return any(_names_deepcli(Path(folder)) for folder in path)


def _names_deepcli(folder: Path) -> bool:
    """Find out whether a folder of `sys.path` may hold a package with entry points for deepcli; a zip file may."""
    if folder.suffix in (".zip", ".whl", ".egg") and folder.is_file():
        return True
    return any(_NAMED in text for text in _entry_points(folder))


def _entry_points(folder: Path) -> Iterator[bytes]:
    """Yield the content of each file of entry points in a folder; what cannot be read is passed over."""
    try:
        with os.scandir(folder) as entries:
            packages = [entry.path for entry in entries if entry.name.endswith((".dist-info", ".egg-info"))]
    except OSError:
        return
    for package in packages:
        with contextlib.suppress(OSError), open(f"{package}/entry_points.txt", "rb") as file:  # noqa: PTH123 - for speed
            yield file.read()
