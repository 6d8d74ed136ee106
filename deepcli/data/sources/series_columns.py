"""What the columns of a table of time series are for, as its section says or as they look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from deepcli.data.schema import Schema
from deepcli.data.sources.findings import Finding
from deepcli.data.sources.series_table import SeriesColumns, number_columns
from deepcli.data.sources.tables.calendar_dates import compact_dates, find_date_format
from deepcli.data.sources.tables.missing_values import NOT_NUMBERS
from deepcli.data.sources.tables.split_files import JoinedTable
from deepcli.data.sources.tables.table_options import listed, quoted
from deepcli.data.sources.time_axis import TimeStep
from deepcli.errors import DataError

if TYPE_CHECKING:
    from deepcli.data.series import SeriesDataset

FIRST = 50
"""Values by which a column of dates is found."""


def find_series_columns(section: SeriesDataset, table: JoinedTable) -> tuple[SeriesColumns, tuple[Finding, ...]]:
    """Return what the columns of a table are for, and what is worth telling about it.

    Raises:
        DataError: A column does not exist, is named for two purposes, or the target is not clear.
    """
    time, findings = _time_column(section, table)
    fixed = [name for name in (time, section.series) if name is not None]
    for name in (*fixed, *(section.known or ())):
        table.position(name)
    known = tuple(section.known or ())
    if known and section.window < section.ahead:
        raise DataError(
            f"data.known: needs a window of at least the horizon, and {section.window} is less than {section.ahead}; set "
            f"data.window to {section.ahead} or more"
        )
    targets = _targets(section, table, [*fixed, *known])
    others = _inputs(section, table, [*fixed, *known, *targets])
    names = [*fixed, *targets, *others, *known]
    if twice := [name for name in names if names.count(name) > 1]:
        raise DataError(f"data: the column {quoted(twice[0])} is named for two purposes; name it once")
    return SeriesColumns(time, section.series, targets, (*others, *known), len(known), {}), findings


def known_series_columns(section: SeriesDataset, schema: Schema) -> SeriesColumns:
    """Return what the columns of a table are for, as in the training of a model."""
    facts, targets = schema.series, schema.target.names
    assert facts is not None
    if not facts.horizon:
        targets = tuple(column.name for column in schema.columns)
    written = {column.name: column.written for column in schema.columns}
    others = tuple(column.name for column in schema.columns[len(targets) :])
    step = TimeStep(facts.unit, facts.size)
    return SeriesColumns(
        facts.time or None, section.series, targets, others, len(facts.known), written, facts.written, step
    )


def _time_column(section: SeriesDataset, table: JoinedTable) -> tuple[str | None, tuple[Finding, ...]]:
    if section.time != "auto":
        return section.time, ()
    dates = [name for name in table.names if _holds_dates(table, name)]
    if len(dates) > 1:
        raise DataError(f"{table.path}: several columns hold dates: {listed(dates)}; name the time with data.time=NAME")
    if dates:
        return dates[0], ()
    text = "no column holds dates; rows are taken in their order; name the time with data.time=NAME"
    return None, (Finding("no-time", "warning", str(table.path), text),)


def _holds_dates(table: JoinedTable, name: str) -> bool:
    values = [value for value in table.column(name)[:FIRST] if value is not None and value not in NOT_NUMBERS]
    if compact_dates(values):
        return True
    # Most of them: a single wrong one is an error with its line, and not another kind of column.
    dates = sum(1 for found in map(find_date_format, ([value] for value in values)) if found.written or found.why_not)
    return 2 * dates > len(values)


def _targets(section: SeriesDataset, table: JoinedTable, without: Sequence[str]) -> tuple[str, ...]:
    if section.target is not None and section.target != ("all",):
        for name in section.target:
            table.position(name)
        return section.target
    found = number_columns(table, [*without, *_named(section.input)])
    if not found:
        raise DataError(f"{table.path}: no column holds numbers only; its columns are {listed(table.names)}")
    if section.target is None and len(found) > 1:
        raise DataError(
            f"{table.path}: several columns may be the target; name some with data.target=NAME, or all of them with "
            f"data.target=all: {listed(found)}"
        )
    return tuple(found)


def _inputs(section: SeriesDataset, table: JoinedTable, without: Sequence[str]) -> tuple[str, ...]:
    if section.input == ("all",):
        return tuple(number_columns(table, without))
    for name in _named(section.input):
        table.position(name)
    return _named(section.input)


def _named(names: tuple[str, ...] | None) -> tuple[str, ...]:
    return () if names is None or names == ("all",) else names
