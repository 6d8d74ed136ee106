"""Modules that plugins of version 0.1 import under names that they no longer have."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

MOVED = {
    "deepcli.activations": "deepcli.models.activations",
    "deepcli.data.splits": "deepcli.data.arrays.splits",
    "deepcli.data.texts": "deepcli.data.arrays.token_files",
    "deepcli.fields": "deepcli.spec.fields",
    "deepcli.initializers": "deepcli.models.initializers",
    "deepcli.models.layers": "deepcli.nn.sequences",
    "deepcli.models.sequences": "deepcli.models.inputs",
    "deepcli.predictions": "deepcli.evaluation.predictions",
    "deepcli.registry": "deepcli.spec.registry",
    "deepcli.scores": "deepcli.evaluation.scores",
}
"""By the old name: the new one."""


class _Moved(MetaPathFinder, Loader):
    """Finds a module under its old name: as the same object, so that each registry exists once."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(name, self) if name in MOVED else None

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        sys.modules[module.__name__] = importlib.import_module(MOVED[module.__name__])


def keep_old_names() -> None:
    """Let plugins import moved modules by their old names, after everything else has been looked through."""
    if not any(isinstance(finder, _Moved) for finder in sys.meta_path):
        sys.meta_path.append(_Moved())
