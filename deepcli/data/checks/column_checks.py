"""Checks of the columns of a table: missing values, columns that give the target away, and times."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from deepcli.data.checks.column_figures import ColumnFigures
from deepcli.data.checks.limits import (
    GIVEN_AWAY,
    GIVEN_AWAY_FIT,
    HARD_ROWS,
    HELD_OUT,
    MUCH_MISSING,
    STRONG,
    STRONG_FIT,
)
from deepcli.data.checks.view import DataView
from deepcli.data.schema import Column
from deepcli.data.sources.findings import Finding
from deepcli.data.sources.picture_files import some
from deepcli.data.sources.tables.calendar_dates import to_days
from deepcli.data.sources.tables.missing_values import missing_of
from deepcli.data.sources.tables.numerals import to_number
from deepcli.errors import DataError

if TYPE_CHECKING:
    import numpy as np

    from deepcli.data.arrays.single_column import Alone


def column_checks(view: DataView, figures: Sequence[ColumnFigures]) -> Iterator[Finding]:
    """Check columns."""
    yield from _missing(view, figures)
    if view.kind == "features":
        yield from _given_away(view)
    if view.table is not None:
        yield from _times(view)


def _missing(view: DataView, figures: Sequence[ColumnFigures]) -> Iterator[Finding]:
    inputs = [one for one in figures if one.part == "input" and 0 < one.missing < len(view)]
    many = [one for one in inputs if one.missing >= MUCH_MISSING * len(view)]
    for severity, columns in (("warning", many), ("note", [one for one in inputs if one not in many])):
        if columns:
            shown = some([f"{one.name} ({one.missing / len(view):.1%})" for one in columns])
            what = "most values are missing in" if severity == "warning" else "values are missing in"
            text = f"{what} {len(columns)} column{'s' * (len(columns) > 1)}: {shown}; a missing value is a value of its own"
            yield Finding("missing-values", severity, view.source, text)  # type: ignore[arg-type]


def _given_away(view: DataView) -> Iterator[Finding]:
    """Report columns that alone predict the target of held-out rows."""
    if view.target.kind in ("labels", "inputs") or (view.target.kind == "numbers" and len(view.target.names) != 1):
        return
    held = sum(len(places) for split, places in view.places.items() if split != "train")
    if held < HELD_OUT or "train" not in view.places:
        text = (
            f"{held} held-out rows are too few to check whether a column gives the target away; {HELD_OUT} are needed"
        )
        yield Finding("few-held-out", "note", view.source, text)
        return
    import numpy as np

    train = np.array([split == "train" for split in view.splits])
    for column, values in _encoded(view):
        alone = _alone(view, column, values, train)
        if alone is not None:
            yield from _judged(view, column, alone)


def _encoded(view: DataView) -> Iterator[tuple[Column, np.ndarray]]:
    """Give the input columns as numbers; one that cannot be read so has been reported."""
    columns = view.schema.columns if view.schema is not None else ()
    if view.table is None:
        if view.rows is not None:
            yield from ((column, view.rows[:, k]) for k, column in enumerate(columns))
        return
    from deepcli.data.arrays.encoded_tables import encode_features

    for column, values in zip(columns, view.table.values, strict=False):
        try:
            yield column, encode_features([column], [values], view.where)[:, 0]
        except DataError:
            continue


def _alone(view: DataView, column: Column, values: np.ndarray, train: np.ndarray) -> Alone | None:
    import numpy as np

    from deepcli.data.arrays.single_column import classes_from, numbers_from

    if view.target.kind == "numbers":
        y = np.array([value[0] for value in view.values], np.float64)
        return numbers_from(values, column.type == "category", y, train)
    found = classes_from(values, column.type == "category", np.asarray(view.values, np.int64), train)
    return None if found is None or found.wrong < HARD_ROWS else found


def _judged(view: DataView, column: Column, alone: Alone) -> Iterator[Finding]:
    numbers = view.target.kind == "numbers"
    surely, nearly = (GIVEN_AWAY_FIT, STRONG_FIT) if numbers else (GIVEN_AWAY, STRONG)
    if alone.hard < nearly:
        return
    held = len(view) - len(view.places["train"])
    how = f"R² {alone.right:.3f}" if numbers else f"{alone.right:.1%} of the classes"
    text = f"predicts the target of {held:,} held-out rows alone ({how})"
    place = f"{view.source}: column {column.name!r}"
    if column.type == "date":
        text += "; rows of neighbouring times are alike, so divide by time with data.split.time"
    elif alone.hard >= surely:
        text += "; is it known when a prediction is made, and not made from the target? Otherwise leave it out"
    else:
        text += "; make sure that it is known when a prediction is made"
    if alone.hard >= surely:
        yield Finding("gives-target-away", "warning", place, text)
    else:
        yield Finding("strong-column", "note", place, text)


def _times(view: DataView) -> Iterator[Finding]:
    """Report the order of the times in the column that rows are divided by, or in each column of dates."""
    assert view.table is not None
    for column in view.table.columns:
        if column.name == view.time or (column.type == "date" and column.name not in view.target.columns):
            times = _read_times(column, view.table.table.column(column.name))
            yield from _order(view, column.name, times)


def _read_times(column: Column, values: Sequence[str | None]) -> list[float]:
    absent = missing_of("date")
    known: dict[str, float] = {}
    read: Callable[[str, str], float] = to_days if column.type == "date" else to_number
    for value in values:
        if value is not None and value not in absent and value not in known:
            try:
                known[value] = read(value, column.written or ("iso" if column.type == "date" else ""))
            except ValueError:
                return []
    return [known[value] for value in values if value is not None and value in known]


def _order(view: DataView, name: str, times: Sequence[float]) -> Iterator[Finding]:
    place = f"{view.source}: column {name!r}"
    back = sum(later < earlier for earlier, later in pairwise(times))
    repeated = len(times) - len(set(times))
    if back:
        text = f"times are not in order: {back:,} rows are earlier than the row before"
        text += "; they are sorted to be divided" if view.time == name else ""
        yield Finding("unsorted-times", "note", place, text)
    if repeated:
        text = f"{repeated:,} of {len(times):,} rows have the time of another row"
        yield Finding("repeated-times", "note", place, text)
    if view.time is None and times and view.division.startswith("drawn"):
        text = f"rows have times but are divided without them; to predict what comes later, use data.split.time={name}"
        yield Finding("no-time-split", "note", place, text)
