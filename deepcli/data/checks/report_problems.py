"""Problems of data, and likely wrong labels, as lines of text."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePath

from deepcli.data.checks.data_report import DataReport, SuspectLabels
from deepcli.data.checks.limits import SHOWN_PLACES
from deepcli.data.checks.report_tables import WIDTH, cut
from deepcli.data.sources.findings import Finding
from deepcli.data.sources.naming import printable

INDENT = " " * 4


def problems_lines(report: DataReport) -> Iterator[str]:
    """Return each problem with its severity, code and place, and some of its places."""
    numbers = Counter[str](problem.severity for problem in report.problems)
    if not numbers:
        yield "problems: none found"
        return
    kinds = [("error", "errors"), ("warning", "warnings"), ("note", "notes")]
    yield "problems: " + ", ".join(f"{numbers[one]} {one if numbers[one] == 1 else many}" for one, many in kinds)
    for problem in report.problems:
        yield from _problem(problem, report.source)


def _problem(problem: Finding, source: str) -> Iterator[str]:
    place = short(problem.where, source)
    if PurePath(source).name and place.startswith(f"{PurePath(source).name}: "):
        place = place.partition(": ")[2]  # a column or an array; the report names the file
    if problem.text.startswith(place):
        place = ""
    first = f"{problem.severity} {problem.code}: {f'{place}: ' if place else ''}{problem.text}"
    yield from textwrap.wrap(
        printable(first), WIDTH, initial_indent="  ", subsequent_indent=INDENT, break_on_hyphens=False
    )
    for where in problem.places[:SHOWN_PLACES]:
        parts = [short(part, source) for part in where.split(" = ")] if " = " in where else [short(where, source)]
        yield INDENT + cut(printable(" = ".join(parts)), WIDTH - len(INDENT))
    rest = len(problem.places) - SHOWN_PLACES
    if rest > 0:
        yield f"{INDENT}and {rest:,} more; --json lists them"


def labels_lines(labels: SuspectLabels, source: str) -> Iterator[str]:
    """Return likely wrong labels, the most likely first."""
    looked = f"{labels.examples:,} held-out examples ({' and '.join(labels.splits)})" if labels.splits else ""
    yield f"likely wrong labels: {labels.found:,} of {looked}" if looked else "likely wrong labels: not looked for"
    yield from textwrap.wrap(labels.note, WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)
    for one in labels.suspects:
        end = f"  {one.label} -> {one.suggested}  {one.probability:.1%}"
        place = cut(printable(short(one.where, source)), max(WIDTH - len(end) - 2, 20))
        yield f"  {place}{printable(end)}"


def short(where: str, source: str) -> str:
    """Return a place without the path of the data, which the report names once; empty for the data as a whole."""
    if where == source:
        return ""
    if where.startswith(f"{source}/"):
        return where[len(source) + 1 :]
    folder = str(PurePath(source).parent)
    return where[len(folder) + 1 :] if folder != "." and where.startswith(f"{folder}/") else where
