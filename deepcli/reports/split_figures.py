"""The metrics of a run by split, those of a run that has not ended included, as a table with explanations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from deepcli.reports.explanations import explain
from deepcli.reports.markup import decimal
from deepcli.reports.page_table import PageTable, TableHead, TableRow

if TYPE_CHECKING:
    from deepcli.evaluation.scores import Scored
    from deepcli.run.loaded import LoadedRun

Figures = Mapping[str, float | None]
INTERVAL = "Where the figure of the same model on all examples of this kind probably is."
BASELINE = "A model that learns in seconds or needs no inputs, on the same test split."


@dataclass(frozen=True)
class SplitFigures:
    """The metrics of a run.

    Attributes:
        table: A row for each metric: the test split first, then intervals, baselines and the other splits.
        notes: What to know about the intervals.
        so_far: Whether they are of the best epoch of a run that has not ended.
    """

    table: PageTable
    notes: tuple[str, ...] = field(default=())
    so_far: bool = False


def figures_by_split(run: LoadedRun) -> dict[str, Figures]:
    """Return the metrics by split; of a run without a result, those of its best epoch so far and what was evaluated."""
    if run.result is not None and run.result.metrics:
        return dict(run.result.metrics)
    names, evaluated = run.experiment.measured, run.run.evaluated("test")
    row = next((row for row in run.history if row["epoch"] == run.best_epoch), {})
    found: dict[str, Figures] = {
        "train": {name: row[name] for name in names if name in row},
        "validation": {name: row[f"val_{name}"] for name in names if f"val_{name}" in row},
        "test": evaluated.metrics.get("test", {}) if evaluated else {},
    }
    return {split: figures for split, figures in found.items() if figures}


def split_figures(run: LoadedRun, scored: Scored) -> SplitFigures:
    """Return the run's metrics on each split, and all scores on the test split with intervals and baselines."""
    metrics = figures_by_split(run)
    test: Figures = {**scored.values, **metrics.pop("test", {})}
    others = {name: metrics[name] for name in ("validation", "train") if name in metrics}
    baselines = (run.result.baselines or {}) if run.result else {}
    own = dict.fromkeys(name for split in (*others.values(), test) for name in split if name not in scored.values)
    intervals = {name: f"[{decimal(ends[0])}, {decimal(ends[1])}]" for name, ends in scored.intervals.items() if ends}
    columns: list[tuple[TableHead, Mapping[str, str]]] = [
        (TableHead("test", True), _decimals(test)),
        (TableHead("95 % interval", True, INTERVAL), intervals),
        *((TableHead(f"{name} (baseline)", True, BASELINE), _decimals(baselines[name])) for name in baselines),
        *((TableHead(name, True), _decimals(split)) for name, split in others.items()),
    ]
    filled = [(head, values) for head, values in columns if values]
    rows = [
        TableRow(name, tuple(values.get(name, "") for _, values in filled), explain(name, run.experiment))
        for name in [*own, *scored.values]
    ]
    heads = (TableHead("metric"), *(head for head, _ in filled))
    so_far = not (run.result and run.result.metrics)
    return SplitFigures(PageTable(heads, tuple(rows)), tuple(_notes(scored)), so_far)


def _decimals(figures: Figures) -> dict[str, str]:
    return {name: decimal(value) for name, value in figures.items()}


def _notes(scored: Scored) -> list[str]:
    """Say what intervals cover, how they were computed, and why some are missing."""
    methods: dict[str, list[str]] = {}
    missing: dict[str, list[str]] = {}
    for name, ends in scored.intervals.items():
        note = scored.interval_notes[name]
        (methods if ends is not None else missing).setdefault(note.removeprefix("none: "), []).append(name)
    found = []
    if methods:
        listed = "; ".join(f"{', '.join(names)}: {method}" for method, names in methods.items())
        cover = "Intervals cover the choice of test examples, not the variation between training runs."
        found.append(f"{cover} Methods: {listed}.")
    if missing:
        found.append("No interval: " + "; ".join(f"{', '.join(names)}: {why}" for why, names in missing.items()) + ".")
    return found
