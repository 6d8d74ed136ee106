"""A table of runs: its columns, its cells, and the same as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepcli.api.comparing import SelectedRuns, Selection
    from deepcli.run.listing import ListedRun


def named_columns(found: SelectedRuns, selection: Selection, named: str | None) -> dict[str, int]:
    """Return the columns, each with its rank where they do not all fit.

    Args:
        found: The runs.
        selection: How they were selected.
        named: The columns that were asked for, with commas between them; None for those of any table.

    Raises:
        UsageError: No run has a column that is asked for.
    """
    from deepcli.run.columns import table_columns
    from deepcli.run.selecting import known

    if named is None:
        return table_columns(found.runs, selection.asked)
    return dict.fromkeys(["run", *(known(name, found.runs, "--columns") for name in column_names(named))], 0)


def column_names(named: str | None) -> list[str]:
    """Return the names in a list of columns with commas between them."""
    return [name for part in (named or "").split(",") if (name := part.strip())]


def run_cells(runs: Sequence[ListedRun], columns: Iterable[str], exact: bool = False) -> list[list[object]]:
    """Return a row of cells for each run.

    Args:
        runs: The runs.
        columns: The names of the columns.
        exact: Whether values are shown as they are, and not as people say them.
    """
    names = list(columns)
    return [[_cell(run, name, exact) for name in names] for run in runs]


def _cell(run: ListedRun, name: str, exact: bool) -> object:
    from deepcli.run.columns import age_text, epochs_text

    if exact or name not in ("age", "left", "epochs"):
        return run.values.get(name)
    return epochs_text(run) if name == "epochs" else age_text(run.age if name == "age" else run.left)


def objects(runs: Sequence[ListedRun], beside: Sequence[ListedRun]) -> list[dict[str, Any]]:
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
