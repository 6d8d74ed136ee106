"""Plugins: Python files and modules that register components, given by the user or installed as packages."""

from __future__ import annotations

import atexit
import importlib
import importlib.util
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from deepcli.errors import UsageError
from deepcli.spec.installed import PLUGINS, Installed, installed
from deepcli.spec.moved import keep_old_names
from deepcli.spec.registry import whole_modules
from deepcli.system.gc_pause import flush_files

FILE_PLUGIN = "deepcli_plugin_"
"""Begins the name of a module that was made from a plugin's file."""
imported: set[str] = set()
"""The modules that were imported as plugins."""
_tried: dict[Installed, str | None] = {}
"""Each installed plugin that was imported in this process, with the reason if that failed."""


def import_plugins(plugins: Iterable[str]) -> None:
    """Import installed plugins, then files or modules of the user; this runs their code.

    An installed plugin that cannot be imported is reported on stderr, once, and left out.

    Raises:
        UsageError: A plugin of the user cannot be imported.
    """
    untried, named = [plugin for plugin in installed(PLUGINS) if plugin not in _tried], list(plugins)
    if untried or named:
        # Registered before the plugins' own functions, so called after them.
        atexit.register(flush_files)
        keep_old_names()
    for plugin in untried:
        _tried[plugin] = _failure(plugin)
        if why := _tried[plugin]:
            print(f"notice: plugin {plugin}: {why}; it is left out", file=sys.stderr)
    for name in named:
        try:
            if name.endswith(".py"):
                _import_file(Path(name))
            else:
                importlib.import_module(name)
                imported.add(name)
        except (Exception, SystemExit) as error:
            raise UsageError(f"--plugin {name}: {type(error).__name__}: {error}") from error


def installed_versions() -> dict[str, str]:
    """Return the version of each package whose plugins were imported."""
    found = sorted({plugin.package for plugin, why in _tried.items() if why is None})
    return {name: version for name, _, version in (package.rpartition(" ") for package in found) if name}


def _failure(plugin: Installed) -> str | None:
    """Import an installed plugin; return why it cannot be imported, None if it can."""
    try:
        with whole_modules():
            plugin.entry.load()
    except (Exception, SystemExit) as error:
        return f"cannot be imported: {type(error).__name__}: {error}"
    imported.add(plugin.entry.module)
    return None


def origin(cls: type) -> str | None:
    """Return where a component comes from: a package with its version, or a plugin's file; None for deepcli itself."""
    module = cls.__module__
    if module.startswith("deepcli."):
        return None
    if module.startswith(FILE_PLUGIN):
        return str(getattr(sys.modules.get(module), "__file__", module))
    top = module.partition(".")[0]
    return next((plugin.package for plugin in _tried if plugin.entry.module.partition(".")[0] == top), module)


def _import_file(path: Path) -> None:
    name = FILE_PLUGIN + re.sub(r"\W", "_", str(path.resolve()))
    if name in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError("not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
