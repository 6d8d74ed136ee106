"""`deepcli runs`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepcli.cli.answers import answers, emit
from deepcli.cli.options import Json, Plugins
from deepcli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deepcli.run.listing import ListedRun


@answers("deepcli.cli.json_objects:Runs")
def runs(
    folders: Annotated[
        list[Path] | None, typer.Argument(metavar="[DIR]...", help="Directories to search for runs; default: runs.")
    ] = None,
    sort: Annotated[
        str | None, typer.Option(metavar="KEY", help="Sort by a column or a dotted key; -KEY for descending order.")
    ] = None,
    filters: Annotated[
        list[str] | None,
        typer.Option(
            "--filter",
            metavar="CONDITION",
            help="A condition like 'val_accuracy>0.98' or model.type=cnn; all must hold.",
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="The largest number of runs to show.")] = None,
    plugins: Plugins = None,
    json: Json = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a table in Markdown.")] = False,
) -> None:
    """List runs with status, metrics, and the fields in which their specs differ."""
    if json + csv + markdown > 1:
        raise UsageError("--json, --csv and --markdown: choose one")
    from deepcli.cli import render
    from deepcli.run import listing

    if plugins:
        print("notice: --plugin is not needed; runs are listed without loading their components", file=sys.stderr)
    found = listing.keep(listing.find(folders or [Path("runs")]), filters or [])
    if sort is not None:
        found = listing.order(found, sort.removeprefix("-"), sort.startswith("-"))
    found = found[:limit]
    if json:
        from deepcli.cli.json_objects import Runs

        rows = [_object(run, listing.changed(found)) for run in found]
        emit(Runs.model_validate({"command": "runs", "status": "completed", "runs": rows}))
        return
    columns = ["run", "status", "epochs", "best_epoch", *listing.metrics(found), "seconds", *listing.changed(found)]
    render.rows(columns, [[run.values.get(column) for column in columns] for run in found], csv=csv, markdown=markdown)


def _object(run: ListedRun, changed: Sequence[str]) -> dict[str, Any]:
    return {**run.facts, "metrics": dict(run.metrics), "changed": {key: run.spec.get(key) for key in changed}}
