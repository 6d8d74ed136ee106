"""`deepcli runs`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from deepcli.cli.answers import answers, emit
from deepcli.cli.completion import sort_keys
from deepcli.cli.options import Json, Plugins, Watch
from deepcli.errors import UsageError


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
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Leave out runs that began earlier, like 90m, 2h or 1d ago.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="The largest number of runs to show.")] = None,
    columns: Annotated[
        str | None,
        typer.Option(metavar="NAME,...", help="Show these columns and no others, such as val_loss,model.type."),
    ] = None,
    wide: Annotated[bool, typer.Option("--wide", help="Show all columns, however wide the terminal is.")] = False,
    watch: Watch = False,
    plugins: Plugins = None,
    json: Json = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a table in Markdown.")] = False,
) -> None:
    """List runs with status, metrics, and the fields in which their specs differ.

    A field differs if a spec sets it, and runs that have it have several values
    of it. Columns that do not fit into a line are left out and counted. `latest`
    names the run that began last, in every command that takes a run.

    Example:
    deepcli runs --sort -val_accuracy --limit 10
    """
    if json + csv + markdown > 1:
        raise UsageError("--json, --csv and --markdown: choose one")
    if watch and csv + markdown + wide:
        raise UsageError("--watch: leave out --csv, --markdown and --wide; its table fits the terminal")
    from deepcli.api.comparing import Selection, list_runs
    from deepcli.cli.fitting_tables import print_rows
    from deepcli.cli.runs_table import named_columns, objects, run_cells
    from deepcli.cli.runs_watch import watch_runs

    if plugins:
        print("notice: --plugin is not needed; runs are listed without loading their components", file=sys.stderr)
    selection = Selection(sort, tuple(filters or ()), since, limit)
    if watch:
        watch_runs(folders or [], selection, columns, json)
        return
    found = list_runs(folders or [], selection)
    if found.why_empty:
        print(f"notice: {found.why_empty}", file=sys.stderr)
    if json:
        from deepcli.cli.json_objects import Runs

        emit(Runs.model_validate({"command": "runs", "status": "completed", "runs": objects(found.runs, found.runs)}))
        return
    if not found.runs and not csv:
        return
    ranks = named_columns(found, selection, columns)
    if csv and columns is None:
        for name in ("age", "left"):  # what is written to a file should not depend on when; `started` does not
            ranks.pop(name, None)
    print_rows(
        list(ranks),
        run_cells(found.runs, ranks, csv),
        csv=csv,
        markdown=markdown,
        ranks=ranks,
        wide=wide or columns is not None,
    )
