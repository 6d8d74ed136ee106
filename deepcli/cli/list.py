"""`deepcli list`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from deepcli.cli.answers import answers, emit
from deepcli.cli.options import Json, Plugins


def _kinds(incomplete: str) -> list[str]:
    from deepcli.catalog.components import KINDS
    from deepcli.catalog.sections import sections

    paths = [path.split(" ")[0] for path in sections()]
    known = [
        *KINDS,
        *paths,
        *(path.rpartition(".")[2] for path in paths),
        *(name for one in KINDS.values() for name in one),
    ]
    return [word for word in dict.fromkeys(known) if word.startswith(incomplete)]


def _names(ctx: typer.Context, incomplete: str) -> list[str]:
    from deepcli.catalog.components import KINDS

    return [name for name in KINDS.get(ctx.params.get("kind") or "", ()) if name.startswith(incomplete)]


@answers("deepcli.cli.json_objects:Listing")
def list_components(
    kind: Annotated[
        str | None,
        typer.Argument(
            metavar="[KIND|SECTION|NAME]",
            help="data, models, optimizers, …; training, early_stopping, …; or cnn, adam, …; default: list the kinds.",
            autocompletion=_kinds,
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Argument(help="Show only this component of the kind.", autocompletion=_names)
    ] = None,
    plugins: Plugins = None,
    json: Json = False,
) -> None:
    """List what a spec can name: the kinds, the components of one kind, or the fields of a component or section.

    Fields are shown with type, default and description, and with an example to
    copy. The scores of `evaluate` and the export formats are listed, too.

    Example:
    deepcli list models cnn
    """
    from deepcli.api.describing import component_entries, component_kinds, described
    from deepcli.catalog.components import origins
    from deepcli.cli import render

    if kind is None:
        kinds = component_kinds(plugins or ())
        if json:
            _emit({"kinds": {kind: list(registry) for kind, registry in kinds.items()}, "origins": origins()})
        else:
            render.kinds(kinds, origins())
        return
    whole, entries = (
        described(kind, plugins or ()) if name is None else (None, component_entries(kind, name, plugins or ()))
    )
    if json:
        found = {one.kind for one in entries}
        _emit({"kind": found.pop() if len(found) == 1 else None, "entries": [asdict(one) for one in entries]})
    elif whole is not None:
        render.entry_lines(entries)
    else:
        render.entries(entries)


def _emit(found: dict[str, Any]) -> None:
    from deepcli.cli.json_objects import Listing

    emit(Listing.model_validate({"command": "list", "status": "completed", **found}))
