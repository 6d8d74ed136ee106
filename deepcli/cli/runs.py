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

    from deepcli.api.comparing import SelectedRuns, Selection
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
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Leave out runs that began earlier, like 90m, 2h or 1d ago.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="The largest number of runs to show.")] = None,
    columns: Annotated[
        str | None,
        typer.Option(metavar="NAME,...", help="Show these columns and no others, such as val_loss,model.type."),
    ] = None,
    wide: Annotated[bool, typer.Option("--wide", help="Show all columns, however wide the terminal is.")] = False,
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
    from deepcli.api.comparing import Selection, list_runs
    from deepcli.cli.fitting_tables import print_rows

    if plugins:
        print("notice: --plugin is not needed; runs are listed without loading their components", file=sys.stderr)
    selection = Selection(sort, tuple(filters or ()), since, limit)
    found = list_runs(folders or [], selection)
    if found.why_empty:
        print(f"notice: {found.why_empty}", file=sys.stderr)
    if json:
        from deepcli.cli.json_objects import Runs

        emit(Runs.model_validate({"command": "runs", "status": "completed", "runs": _objects(found.runs)}))
        return
    if not found.runs and not csv:
        return
    ranks = _columns(found, selection, columns)
    if csv and columns is None:
        ranks.pop("age")  # what is written to a file should not depend on when; `started` does not
    cells = [[_cell(run, name, csv) for name in ranks] for run in found.runs]
    print_rows(list(ranks), cells, csv=csv, markdown=markdown, ranks=ranks, wide=wide or columns is not None)


def _columns(found: SelectedRuns, selection: Selection, named: str | None) -> dict[str, int]:
    """Return the columns, each with its rank where they do not all fit.

    Raises:
        UsageError: No run has a column that is asked for.
    """
    from deepcli.run.columns import table_columns
    from deepcli.run.selecting import known

    if named is None:
        return table_columns(found.runs, selection.asked)
    names = [name.strip() for name in named.split(",") if name.strip()]
    return dict.fromkeys(["run", *(known(name, found.runs, "--columns") for name in names)], 0)


def _cell(run: ListedRun, name: str, exact: bool) -> object:
    """Return a value as a table shows it, or exactly."""
    from deepcli.run.columns import age_text, epochs_text

    if exact or name not in ("age", "epochs"):
        return run.values.get(name)
    return age_text(run.age) if name == "age" else epochs_text(run)


def _objects(found: Sequence[ListedRun]) -> list[dict[str, Any]]:
    """Return the JSON object of each run."""
    from deepcli.run.listing import changed

    keys = changed(found)
    return [
        {**run.facts, "metrics": dict(run.metrics), "changed": {key: run.spec.get(key) for key in keys}}
        for run in found
    ]
