"""`deepcli schema`."""

from __future__ import annotations

from deepcli.cli.options import Plugins


def schema(plugins: Plugins = None) -> None:
    """Print the JSON schema of a spec, with which editors complete, explain and check specs as you type.

    Example:
    deepcli schema > spec.schema.json
    """
    import json

    from deepcli.catalog.json_schema import json_schema
    from deepcli.spec.plugins import import_plugins

    import_plugins(plugins or [])
    print(json.dumps(json_schema(), indent=1, ensure_ascii=False))
