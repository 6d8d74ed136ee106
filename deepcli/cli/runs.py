"""`deepcli runs`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepcli.cli.answers import answers, emit
from deepcli.cli.completion import sort_keys
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
        str | None,
        typer.Option(
            metavar="KEY",
            help="Sort by a column or a dotted key; -KEY for descending order.",
            autocompletion=sort_keys,
        ),
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
    """List runs with status, metrics, and the fields in which their specs differ.

    Example:
    deepcli runs --sort -val_accuracy --limit 10
    """
    if json + csv + markdown > 1:
        raise UsageError("--json, --csv and --markdown: choose one")
    from deepcli.api.comparing import columns_of, list_runs
    from deepcli.cli import render

    if plugins:
        print("notice: --plugin is not needed; runs are listed without loading their components", file=sys.stderr)
    found = list_runs(folders or [], sort, filters or [], limit)
    if json:
        from deepcli.cli.json_objects import Runs

        emit(Runs.model_validate({"command": "runs", "status": "completed", "runs": _objects(found)}))
        return
    columns = columns_of(found)
    render.rows(columns, [[run.values.get(column) for column in columns] for run in found], csv=csv, markdown=markdown)


def _objects(found: Sequence[ListedRun]) -> list[dict[str, Any]]:
    """Return the JSON object of each run."""
    from deepcli.run.listing import changed

    keys = changed(found)
    return [
        {**run.facts, "metrics": dict(run.metrics), "changed": {key: run.spec.get(key) for key in keys}}
        for run in found
    ]
