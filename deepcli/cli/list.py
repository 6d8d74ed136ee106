"""`deepcli list`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from deepcli.cli.answers import answers, emit
from deepcli.cli.options import Json, Plugins


def _kinds(incomplete: str) -> list[str]:
    from deepcli.catalog.components import KINDS

    return [kind for kind in KINDS if kind.startswith(incomplete)]


def _names(ctx: typer.Context, incomplete: str) -> list[str]:
    from deepcli.catalog.components import KINDS

    return [name for name in KINDS.get(ctx.params.get("kind") or "", ()) if name.startswith(incomplete)]


@answers("deepcli.cli.json_objects:Listing")
def list_components(
    kind: Annotated[
        str | None, typer.Argument(help="data, models, optimizers, …; default: list the kinds.", autocompletion=_kinds)
    ] = None,
    name: Annotated[str | None, typer.Argument(help="Show only this entry.", autocompletion=_names)] = None,
    plugins: Plugins = None,
    json: Json = False,
) -> None:
    """List what a spec can name, and the scores of `evaluate`, with documentation, fields, defaults and examples."""
    from deepcli.api.describing import component_entries, component_kinds
    from deepcli.catalog.components import origins
    from deepcli.cli import render

    if kind is None:
        kinds = component_kinds(plugins or ())
        if json:
            _emit({"kinds": {kind: list(registry) for kind, registry in kinds.items()}, "origins": origins()})
        else:
            render.kinds(kinds, origins())
        return
    entries = component_entries(kind, name, plugins or ())
    if json:
        _emit({"kind": kind, "entries": [asdict(one) for one in entries]})
    else:
        render.entries(entries)


def _emit(found: dict[str, Any]) -> None:
    from deepcli.cli.json_objects import Listing

    emit(Listing.model_validate({"command": "list", "status": "completed", **found}))
