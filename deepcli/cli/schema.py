"""`deepcli schema`."""

from __future__ import annotations

from deepcli.cli.options import Plugins


def schema(plugins: Plugins = None) -> None:
    """Print the JSON schema of a spec, for editors: they complete, explain and check while you type."""
    import json

    from deepcli.loading import import_plugins
    from deepcli.sweeps.file import json_schema

    import_plugins(plugins or [])
    print(json.dumps(json_schema(), indent=1, ensure_ascii=False))
