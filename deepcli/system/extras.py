"""Optional packages that only some commands need: checking for them, and the error if they are missing."""

from __future__ import annotations

import importlib.util

from deepcli.errors import UsageError


def demand(wanted_by: str, packages: tuple[str, ...], extra: str) -> None:
    """Check that packages are installed, without importing them.

    Args:
        wanted_by: What needs the packages.
        packages: Their import names.
        extra: The extra of deepcli that installs them.

    Raises:
        UsageError: A package is not installed.
    """
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(f"{wanted_by} needs {', '.join(missing)}; install with: pip install 'deepcli[{extra}]'")
