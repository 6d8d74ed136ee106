"""A section of an overview page: runs that may be ranked against each other, with what they share and how they differ."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from markupsafe import Markup

from deepcli.reports.comparable_runs import ComparableRuns
from deepcli.reports.line_styles import MOST_COLOURED, LineStyle
from deepcli.reports.markup import svg
from deepcli.reports.overlaid_curves import overlaid_curves
from deepcli.reports.overview_tables import groups_table, runs_table
from deepcli.reports.sortable_table import SortableTable, value_text
from deepcli.reports.spec_groups import seeds_verdict, spec_groups

MOST_DRAWN = 200
"""Runs whose curves a picture has at most."""
COMPONENTS = ("data.type", "model.type", "optimizer.type", "schedule.type", "loss.type")


@dataclass(frozen=True)
class OverviewSection:
    """What the page shows of runs that may be ranked against each other.

    Attributes:
        runs: The runs.
        title: Their data and task.
        about: What distinguishes them from another section with this title; empty for nothing.
        alike: What all runs share, in words.
        settings: Each field that a spec sets and that is equal in all of them, with its value.
        ranking: How the rows are ordered, and what that means.
        compare: The command that compares the two best runs; empty for none.
        table: A row for each run.
        groups: A row for each spec, if specs have several seeds.
        verdict: Whether the best spec is better than the second one.
        curves: The pictures.
        legend: The runs with colours.
        grey: The number of runs that are grey in the pictures.
        omitted: The number of runs that are not in the pictures, as there are too many.
    """

    runs: ComparableRuns
    title: str
    about: str
    alike: str
    settings: dict[str, str]
    ranking: str
    compare: str
    table: SortableTable
    groups: SortableTable | None
    verdict: str
    curves: list[Markup]
    legend: list[tuple[LineStyle, str]]
    grey: int
    omitted: int


def section_of(runs: ComparableRuns, about: str) -> OverviewSection:
    """Return the section of some runs.

    Args:
        runs: The runs.
        about: What distinguishes them from another section with the same title.
    """
    groups = spec_groups(runs)
    with_curves = [run for run in runs.ranked if run.loaded is not None and run.loaded.history]
    omitted, with_curves = max(0, len(with_curves) - MOST_DRAWN), with_curves[:MOST_DRAWN]
    several = len(with_curves) > 1
    styles = {place: LineStyle(place) for place in range(min(len(with_curves), MOST_COLOURED) if several else 0)}
    coloured = {id(with_curves[place]): style for place, style in styles.items()}
    loaded = [run.loaded for run in with_curves if run.loaded is not None]
    names = dict.fromkeys([runs.metric, "loss"]) if several else {}
    figures = [overlaid_curves(loaded, name, styles) for name in names]
    return OverviewSection(
        runs,
        runs.title,
        about,
        _alike(runs),
        _settings(runs),
        _ranking(runs),
        _compare(runs),
        runs_table(runs, coloured, None if groups else runs.best),
        groups_table(runs, groups) if groups else None,
        seeds_verdict(runs, groups),
        [svg(figure) for figure in figures if figure is not None],
        [(style, with_curves[place].name) for place, style in styles.items()],
        len(with_curves) - len(styles) if several else 0,
        omitted,
    )


def _alike(runs: ComparableRuns) -> str:
    """Say which components and how many epochs all runs share."""
    specs = [run.listed.spec for run in runs.runs]
    shared = [specs[0][key] for key in COMPONENTS if key in specs[0] and len({str(one.get(key)) for one in specs}) == 1]
    words = [str(value) for value in dict.fromkeys(shared) if value != "auto"]
    planned = {run.listed.planned for run in runs.runs}
    if len(planned) == 1 and None not in planned:
        epochs = planned.pop()
        words.append(f"{epochs} epoch{'s' * (epochs != 1)}")
    seeds = {run.seed for run in runs.runs}
    if len(seeds) == 1:
        words.append(f"seed {seeds.pop()}")
    return ", ".join(words)


def _settings(runs: ComparableRuns) -> dict[str, str]:
    """Return the fields that specs set to the same value in all runs."""
    specs = [run.listed.spec for run in runs.runs]
    chosen = {key for run in runs.runs for key in (run.listed.origins or {})}
    shared = [key for key in specs[0] if key in chosen and key != "name"]
    return {key: value_text(specs[0][key]) for key in shared if len({str(one.get(key)) for one in specs}) == 1}


def _ranking(runs: ComparableRuns) -> str:
    """Say how the runs are ordered."""
    if len(runs.runs) == 1:
        return ""
    if runs.ranked_by is None:
        why = "no figure on a validation split yet"
        if not runs.first.experiment.data.has_validation:
            why = "no validation split, and figures of the test split must not choose"
        return f"In the order of their names, not ranked: {why}."
    way = "higher" if runs.better == "max" else "lower"
    parts = [
        f"Best first by {runs.ranked_by} at the best epoch ({way} is better); the test split was not used to choose."
    ]
    done = [run for run in runs.ranked if run.is_done]
    if len(done) < len(runs.runs):
        parts.append("Runs that have not completed come last, with the figures so far.")
    return " ".join(parts)


def _compare(runs: ComparableRuns) -> str:
    """Return the command that compares the best run with the second; empty where seeds do that, or nothing can."""
    done = [run for run in runs.ranked if run.is_done]
    if runs.best is None or "seed" in runs.varied or not all(run.has_predictions for run in done[:2]):
        return ""
    return shlex.join(["deepcli", "compare", *(str(run.listed.path) for run in done[1::-1])])
