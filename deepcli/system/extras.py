"""Packages that only some commands want: what is there of them, and what to say of what is not."""

from __future__ import annotations

import importlib.util

from deepcli.errors import UsageError


def demand(wanted_by: str, packages: tuple[str, ...], extra: str) -> None:
    """Check that packages are installed, without importing them.

    Args:
        wanted_by: What needs them.
        packages: By the names to import.
        extra: The extra of deepcli that has them.

    Raises:
        UsageError: They are not.
    """
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(f"{wanted_by} needs {', '.join(missing)}, not installed; pip install 'deepcli[{extra}]'")
