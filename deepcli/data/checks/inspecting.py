"""Looks at data: reads them once, measures them, and checks them."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Sequence

from deepcli.data.base import BaseDataset
from deepcli.data.checks.class_checks import class_counts, target_findings
from deepcli.data.checks.column_checks import column_checks
from deepcli.data.checks.column_figures import column_figures
from deepcli.data.checks.data_report import ClassLine, DataReport, NumberLine, ShownExample, Simplest, by_severity
from deepcli.data.checks.equal_checks import equal_findings
from deepcli.data.checks.limits import EXAMPLES
from deepcli.data.checks.own_view import own_view
from deepcli.data.checks.picture_checks import picture_figures, picture_findings
from deepcli.data.checks.text_checks import text_figures, text_findings
from deepcli.data.checks.textbook_view import textbook_view
from deepcli.data.checks.view import DataView
from deepcli.data.files import Sources
from deepcli.data.own import OwnDataset
from deepcli.data.schema import Schema
from deepcli.system.gc_pause import uncollected

LONGEST_SHOWN = 200
"""Characters of an example that are kept to be shown."""


def view_of(dataset: BaseDataset, sources: Sources, trained: Schema | None = None) -> DataView:
    """Read data; nothing is written but deepcli's own cache.

    Args:
        dataset: The data section.
        sources: Where published files are looked for.
        trained: The schema of a run that was trained on the data.

    Raises:
        DataError: The data cannot be read at all.
    """
    with uncollected():  # millions of small strings stay, and each pass of the collector visits them all
        if isinstance(dataset, OwnDataset):
            return own_view(dataset, trained)
        return textbook_view(dataset, sources)


def inspect_view(view: DataView) -> DataReport:
    """Measure and check data that were read."""
    with uncollected():
        columns, texts, pictures = column_figures(view), text_figures(view), picture_figures(view)
        problems = [
            *view.findings,
            *target_findings(view),
            *equal_findings(view),
            *column_checks(view, columns),
            *text_findings(view, texts),
            *picture_findings(view, pictures),
        ]
    return DataReport(
        view.source,
        view.type,
        view.kind,
        view.shape,
        view.layout,
        view.target.kind,
        view.target.columns,
        view.target.reason,
        {split: len(places) for split, places in view.places.items()},
        view.division,
        _classes(view),
        _numbers(view),
        _simplest(view),
        pictures,
        texts,
        columns,
        tuple(_example(view, place) for place in _spread(view)),
        by_severity(problems),
    )


def _classes(view: DataView) -> tuple[ClassLine, ...]:
    if view.target.kind in ("numbers", "inputs"):
        return ()
    counts = class_counts(view)
    numbers = range(max([len(view.target.names), *(k + 1 for found in counts.values() for k in found)]))
    return tuple(
        ClassLine(
            view.name_of(number),
            {split: found[number] for split, found in counts.items()},
            sum(found[number] for found in counts.values()),
        )
        for number in numbers
    )


def _numbers(view: DataView) -> tuple[NumberLine, ...]:
    if view.target.kind != "numbers":
        return ()
    lines = []
    for k, name in enumerate(view.target.names):
        values = [value[k] for value in view.values]
        mean = math.fsum(values) / len(values)
        spread = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values))
        lines.append(NumberLine(name, min(values), max(values), mean, statistics.median(values), spread))
    return tuple(lines)


def _simplest(view: DataView) -> Simplest | None:
    """Return what always predicting the most frequent class, or the mean, of training reaches."""
    train = view.places.get("train")
    if not train or view.target.kind in ("labels", "inputs"):
        return None
    if view.has_classes:
        usual = Counter(view.values[place] for place in train).most_common(1)[0][0]
        scores = {
            split: sum(view.values[place] == usual for place in places) / len(places)
            for split, places in view.places.items()
        }
        return Simplest(view.name_of(usual), "accuracy", scores)
    if len(view.target.names) != 1:
        return None
    mean = math.fsum(view.values[place][0] for place in train) / len(train)
    scores = {
        split: math.sqrt(math.fsum((view.values[place][0] - mean) ** 2 for place in places) / len(places))
        for split, places in view.places.items()
    }
    return Simplest(f"{mean:.6g}", "rmse", scores)


def _spread(view: DataView) -> Sequence[int]:
    """Choose examples to show: the first of each class, filled up with those at equal distances."""
    firsts: dict[object, int] = {}
    if view.has_classes:
        for place, value in enumerate(view.values):
            firsts.setdefault(value, place)
            if len(firsts) == EXAMPLES:
                break
    step = max(len(view) // EXAMPLES, 1)
    chosen = dict.fromkeys([*firsts.values(), *range(0, len(view), step)])
    return sorted([*chosen][:EXAMPLES])


def _example(view: DataView, place: int) -> ShownExample:
    return ShownExample(view.where(place), view.splits[place], target_text(view, place), _input(view, place))


def target_text(view: DataView, place: int) -> str:
    """Return the target of an example for people."""
    value = view.values[place]
    if view.target.kind == "numbers":
        return ", ".join(f"{number:g}" for number in value)
    if view.target.kind == "inputs":
        return ""
    if view.target.kind == "labels":
        return ", ".join(map(view.name_of, value)) or "(none)"
    return view.name_of(value)


def _input(view: DataView, place: int) -> str:
    if view.texts is not None:
        return view.texts[place][:LONGEST_SHOWN]
    if view.ids is not None:
        ids = view.ids.sequence(place)[:20].tolist()
        return f"{int(view.ids.lengths[place])} ids: {' '.join(map(str, ids))}"
    if view.table is not None and view.kind == "features":
        names = [column.name for column in view.table.chosen.columns]
        pairs = zip(names, view.table.values, strict=True)
        return ", ".join(f"{name}={values[place] or ''}" for name, values in pairs)[:LONGEST_SHOWN]
    if view.rows is not None:
        return " ".join(f"{value:g}" for value in view.rows[place][:20])[:LONGEST_SHOWN]
    return ""
