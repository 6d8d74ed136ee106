"""The tables of an overview page: a row for each run, and for each spec that was trained with several seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from deepcli.evaluation.scores import SCORES
from deepcli.reports.comparable_runs import ComparableRuns
from deepcli.reports.explanations import explain
from deepcli.reports.line_styles import LineStyle
from deepcli.reports.reported_run import ReportedRun
from deepcli.reports.sortable_table import (
    SortableCell,
    SortableColumn,
    SortableTable,
    dates_column,
    figure_format,
    figures_column,
    seconds_column,
    values_column,
)
from deepcli.reports.spec_groups import SpecGroup
from deepcli.run.listing import metrics


def runs_table(runs: ComparableRuns, styles: Mapping[int, LineStyle], best: ReportedRun | None) -> SortableTable:
    """Return a table of runs, best first; what matters most comes first, for narrow screens.

    Args:
        runs: The runs.
        styles: By the `id` of a run, the style of its curves.
        best: The run that is marked as the best.
    """
    rows = runs.ranked
    listed = [run.listed for run in rows]
    head = [f"val_{runs.metric}", f"test_{runs.metric}"]
    others = sorted(
        (name for name in metrics(listed) if name not in head), key=lambda name: not name.startswith(("val_", "test_"))
    )

    def figures(name: str) -> SortableColumn:
        return _figures(name, [run.figures.get(name) for run in rows], runs)

    return SortableTable.of(
        [
            SortableColumn("run", tuple(_name(run, styles.get(id(run)), run is best) for run in rows)),
            *map(figures, head),
            *(values_column(key, [run.spec for run in listed]) for key in runs.varied),
            *map(figures, others),
            SortableColumn("epochs", tuple(SortableCell(run.far, float(run.epochs)) for run in rows), number=True),
            SortableColumn("best_epoch", tuple(_count(run.best_epoch) for run in rows), number=True),
            SortableColumn("status", tuple(SortableCell(run.status, run.status) for run in rows)),
            seconds_column("time", [run.seconds for run in listed]),
            dates_column("started (UTC)", [run.started for run in listed]),
        ]
    )


def groups_table(runs: ComparableRuns, groups: Sequence[SpecGroup]) -> SortableTable:
    """Return a table of specs: mean and standard deviation over seeds."""
    keys = [key for key in runs.varied if key != "seed"]
    several = sum(bool(group.figures(runs.ranked_by or "")) for group in groups) > 1
    names = tuple(SortableCell(group.name, group.name, is_best=several and group is groups[0]) for group in groups)
    firsts = [next(iter(group.runs.values())).listed.spec for group in groups]
    return SortableTable.of(
        [
            SortableColumn("spec", names),
            *(_means(f"{split}_{runs.metric}", groups, runs) for split in ("val", "test")),
            *(values_column(key, firsts) for key in keys),
            SortableColumn("seeds", tuple(_count(len(group.runs)) for group in groups), number=True),
            *(_means(f"{split}_loss", groups, runs) for split in ("val", "test") if runs.metric != "loss"),
        ]
    )


def _means(name: str, groups: Sequence[SpecGroup], runs: ComparableRuns) -> SortableColumn:
    means = [group.mean(name) for group in groups]
    column, shown = _figures(name, means, runs), figure_format(means)
    cells = [
        replace(cell, text=f"{cell.text} ± {shown(spread)}") if (spread := group.spread(name)) is not None else cell
        for cell, group in zip(column.cells, groups, strict=True)
    ]
    return replace(column, cells=tuple(cells))


def _figures(column: str, values: Sequence[float | None], runs: ComparableRuns) -> SortableColumn:
    """Return a column of figures, with what they mean."""
    name, experiment = column.removeprefix("val_").removeprefix("test_"), runs.first.experiment
    better = SCORES[name].better if name in SCORES else experiment.mode(name) if name in experiment.measured else ""
    meaning = explain(name, experiment)
    return figures_column(column, values, better, sorted=column == runs.ranked_by, meaning=meaning)


def _name(run: ReportedRun, style: LineStyle | None, is_best: bool) -> SortableCell:
    """Return the cell that names a run."""
    note = "" if run.is_done else f"{run.status}, epoch {run.far}"
    return SortableCell(run.name, run.name, run.address, style, is_best, note)


def _count(value: int | None) -> SortableCell:
    return SortableCell() if value is None else SortableCell(str(value), float(value))
