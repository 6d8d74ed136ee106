"""Plugins: Python files and modules of the user's own that register components."""

from __future__ import annotations

import atexit
import importlib
import importlib.util
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from deepcli.errors import UsageError
from deepcli.system.gc_pause import flush_files

imported: set[str] = set()
"""The modules that were imported as plugins."""


def import_plugins(plugins: Iterable[str]) -> None:
    """Import files or modules that register the user's components; this runs their code.

    Raises:
        UsageError: A plugin cannot be imported.
    """
    for plugin in plugins:
        # Registered before the plugin's own functions, so called after them.
        atexit.register(flush_files)
        try:
            if plugin.endswith(".py"):
                _import_file(Path(plugin))
            else:
                importlib.import_module(plugin)
                imported.add(plugin)
        except (Exception, SystemExit) as error:
            raise UsageError(f"--plugin {plugin}: {type(error).__name__}: {error}") from error


def _import_file(path: Path) -> None:
    name = "deepcli_plugin_" + re.sub(r"\W", "_", str(path.resolve()))
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
