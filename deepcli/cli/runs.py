"""`deepcli runs`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepcli.cli.answers import answers, emit
from deepcli.cli.completion import sort_keys
from deepcli.cli.options import Json, Plugins, Watch
from deepcli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deepcli.api.comparing import SelectedRuns, Selection
    from deepcli.run.listing import ListedRun
    from deepcli.run.watching import RunChange


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

    if plugins:
        print("notice: --plugin is not needed; runs are listed without loading their components", file=sys.stderr)
    selection = Selection(sort, tuple(filters or ()), since, limit)
    if watch:
        _watch(folders or [], selection, columns, json)
        return
    found = list_runs(folders or [], selection)
    if found.why_empty:
        print(f"notice: {found.why_empty}", file=sys.stderr)
    if json:
        from deepcli.cli.json_objects import Runs

        emit(Runs.model_validate({"command": "runs", "status": "completed", "runs": _objects(found.runs, found.runs)}))
        return
    if not found.runs and not csv:
        return
    ranks = _columns(found, selection, columns)
    if csv and columns is None:
        for name in ("age", "left"):  # what is written to a file should not depend on when; `started` does not
            ranks.pop(name, None)
    cells = [[_cell(run, name, csv) for name in ranks] for run in found.runs]
    print_rows(list(ranks), cells, csv=csv, markdown=markdown, ranks=ranks, wide=wide or columns is not None)


def _watch(folders: list[Path], selection: Selection, columns: str | None, json: bool) -> None:
    """Show the runs until Ctrl-C."""
    from deepcli.cli.fitting_tables import print_rows
    from deepcli.cli.runs_watch import watch_runs

    def show(selected: SelectedRuns) -> None:
        known = {name for run in selected.runs for name in run.values}
        asked = None if columns is None else ["run", *_names(columns)]
        ranks = _columns(selected, selection, None) if asked is None else {n: k for k, n in enumerate(asked)}
        cells = [[_cell(run, name, False) if name in known else None for name in ranks] for run in selected.runs]
        print_rows(list(ranks), cells, ranks=ranks, more="name some with --columns")

    watch_runs(folders, selection, _names(columns), show, _object if json else None)


def _object(change: RunChange, selected: SelectedRuns) -> str:
    """Return the JSON object of a change."""
    from deepcli.cli.json_objects import Runs

    told = _objects([change.run], selected.runs)
    return Runs.model_validate({"command": "runs", "status": "running", "event": change.event, "runs": told}).to_json()


def _columns(found: SelectedRuns, selection: Selection, named: str | None) -> dict[str, int]:
    """Return the columns, each with its rank where they do not all fit.

    Raises:
        UsageError: No run has a column that is asked for.
    """
    from deepcli.run.columns import table_columns
    from deepcli.run.selecting import known

    if named is None:
        return table_columns(found.runs, selection.asked)
    return dict.fromkeys(["run", *(known(name, found.runs, "--columns") for name in _names(named))], 0)


def _names(columns: str | None) -> list[str]:
    """Return the names of columns that an option lists."""
    return [name for part in (columns or "").split(",") if (name := part.strip())]


def _cell(run: ListedRun, name: str, exact: bool) -> object:
    """Return a value as a table shows it, or exactly."""
    from deepcli.run.columns import age_text, epochs_text

    if exact or name not in ("age", "left", "epochs"):
        return run.values.get(name)
    return epochs_text(run) if name == "epochs" else age_text(run.age if name == "age" else run.left)


def _objects(runs: Sequence[ListedRun], beside: Sequence[ListedRun]) -> list[dict[str, Any]]:
    """Return the JSON object of each run, with the fields in which the runs beside it differ."""
    from deepcli.run.listing import changed

    keys = changed(beside)
    return [
        {
            **run.facts,
            "planned": run.planned,
            "seconds_left": None if run.left is None else round(run.left, 3),
            "metrics": dict(run.metrics),
            "changed": {key: run.spec.get(key) for key in keys},
        }
        for run in runs
    ]
