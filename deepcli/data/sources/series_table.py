"""Reads time series from a table: numbers in the order of time, one series after another, with what was found on the way."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from deepcli.data.sources.findings import Finding
from deepcli.data.sources.tables.cell_numbers import cell_number
from deepcli.data.sources.tables.missing_values import NOT_NUMBERS
from deepcli.data.sources.tables.numerals import are_plain, separated_format
from deepcli.data.sources.tables.split_files import JoinedTable
from deepcli.data.sources.tables.table_options import quoted
from deepcli.data.sources.time_axis import NUMBER, MixedSteps, TimeStep, find_step, read_times, step_places
from deepcli.errors import DataError

MOST_PLACES = 1_000


@dataclass(frozen=True)
class TimeSeries:
    """One series of a table, sorted by time.

    Attributes:
        name: Its name; empty if the table holds one series.
        times: Days since 1970, or numbers.
        places: The place of each time in steps, from 0; a gap skips numbers.
        values: The values of each column, NaN where a row is for the future.
        ahead: Rows at the end whose targets are not known yet.
    """

    name: str
    times: list[float]
    places: list[int]
    values: tuple[array[float], ...]
    ahead: int = 0

    def __len__(self) -> int:
        return len(self.times)


@dataclass(frozen=True)
class SeriesTable:
    """The series of a table.

    Attributes:
        columns: The columns that were read.
        written: How the numbers of each are written.
        series: The series, in the order of their names.
        step: How far their times are apart.
        times_written: How times are written.
        time: The column of times; None if rows are in order.
        findings: What was found on the way.
    """

    columns: tuple[str, ...]
    written: tuple[str, ...]
    series: tuple[TimeSeries, ...]
    step: TimeStep
    times_written: str
    time: str | None
    findings: tuple[Finding, ...]

    @property
    def digest(self) -> bytes:
        """A hash of all times and values."""
        digest = hashlib.sha256(repr((self.columns, [one.name for one in self.series])).encode())
        for one in self.series:
            digest.update(array("d", one.times).tobytes())
            for values in one.values:
                digest.update(values.tobytes())
        return digest.digest()


@dataclass(frozen=True)
class SeriesColumns:
    """What the columns of a table are for.

    Attributes:
        time: The column of times; None if rows are in order.
        series: The column that names series; None for one series.
        targets: The columns that are forecast or given back; rows without them at the end are for the future.
        others: Further columns that are read; those that are known ahead are the last.
        known: How many of them are known ahead.
        written: How numbers of columns are written, where it is known.
        times_written: How times are written, if it is known.
        step: How far times are apart, if it is known.
    """

    time: str | None
    series: str | None
    targets: tuple[str, ...]
    others: tuple[str, ...]
    known: int
    written: Mapping[str, str]
    times_written: str = ""
    step: TimeStep | None = None


def number_columns(table: JoinedTable, without: Sequence[str]) -> list[str]:
    """Return the columns that hold nothing but numbers."""
    return [name for name in table.names if name not in without and _format(table, name) is not None]


def read_series(table: JoinedTable, columns: SeriesColumns) -> SeriesTable:
    """Read the series of a table.

    Raises:
        DataError: A value is not a number or not a time, a time occurs twice, or times have no common step.
    """
    names = (*columns.targets, *columns.others)
    written = tuple(_written(table, name, columns.written) for name in names)
    cells = [_numbers(table, name, how) for name, how in zip(names, written, strict=True)]
    times, times_written = _times(table, columns)
    rows_of = _by_series(table, columns.series)
    findings: list[Finding] = []
    ordered = {name: _sorted(table, rows, times, columns.time, findings) for name, rows in rows_of.items()}
    kept = {
        name: _complete(table, rows, cells, len(columns.targets), columns.known, findings)
        for name, rows in ordered.items()
    }
    _tell_missing(table, findings)
    known = columns.step
    step = known or find_step([[times[row] for row in ordered[name]] for name in kept], times_written)
    series = [
        _series(table, name, rows, ahead, times, cells, step, columns.time, findings)
        for name, (rows, ahead) in kept.items()
        if rows
    ]
    if not series:
        raise DataError(f"{table.path}: no row has all of {', '.join(map(quoted, names[:5]))}")
    return SeriesTable(names, written, tuple(series), step, times_written, columns.time, tuple(findings))


def _format(table: JoinedTable, name: str) -> str | None:
    """Return how the numbers of a column are written; None if they are none."""
    texts = [value for value in table.column(name) if value is not None and value not in NOT_NUMBERS]
    if not texts:
        return None
    return "" if are_plain(texts) else separated_format(texts, True)


def _written(table: JoinedTable, name: str, known: Mapping[str, str]) -> str:
    found = _format(table, name)
    if found is None:
        for row, value in enumerate(table.column(name)):
            if value is not None and value not in NOT_NUMBERS and not are_plain([value]):
                raise DataError(f"{table.where(row)}: column {quoted(name)}: {quoted(value)} is not a number")
        raise DataError(f"{table.path}: column {quoted(name)} is empty")
    return known.get(name, found)


def _numbers(table: JoinedTable, name: str, written: str) -> array[float]:
    numbers = array("d")
    for row, value in enumerate(table.column(name)):
        try:
            numbers.append(cell_number(value, "number", written))
        except ValueError as error:
            raise DataError(f"{table.where(row)}: column {quoted(name)}: {error}") from None
    return numbers


def _times(table: JoinedTable, columns: SeriesColumns) -> tuple[list[float], str]:
    if columns.time is None:
        return [float(row) for row in range(table.rows)], NUMBER
    values = table.column(columns.time)
    for row, value in enumerate(values):
        if value is None or value in NOT_NUMBERS:
            raise DataError(
                f"{table.where(row)}: column {quoted(columns.time)} has no time; leave the row out, or fill it in"
            )
    try:
        return read_times([value or "" for value in values], columns.times_written, table.where, columns.time)
    except ValueError as error:
        raise DataError(str(error)) from None


def _by_series(table: JoinedTable, column: str | None) -> dict[str, list[int]]:
    if column is None:
        return {"": list(range(table.rows))}
    found: dict[str, list[int]] = {}
    for row, value in enumerate(table.column(column)):
        found.setdefault(value or "", []).append(row)
    return dict(sorted(found.items()))


def _sorted(
    table: JoinedTable, rows: list[int], times: Sequence[float], column: str | None, findings: list[Finding]
) -> list[int]:
    """Sort the rows of a series by time; each time occurs once.

    Raises:
        DataError: A time occurs twice.
    """
    order = sorted(rows, key=times.__getitem__)
    for before, row in pairwise(order):
        if times[before] == times[row]:
            shown = quoted(table.column(column)[row] if column else None)
            raise DataError(
                f"{table.where(row)}: column {quoted(column)}: {shown} occurs twice, first in line {table.lines[before]}; "
                "remove one, or name the column of several series with data.series"
            )
    if order != rows and not any(finding.code == "unsorted" for finding in findings):
        text = "rows are not in the order of time; they were sorted"
        findings.append(Finding("unsorted", "note", str(table.path), text))
    return order


def _complete(
    table: JoinedTable,
    rows: list[int],
    cells: Sequence[array[float]],
    targets: int,
    known: int,
    findings: list[Finding],
) -> tuple[list[int], int]:
    """Leave out rows that lack a value, but not those at the end that have what is known ahead: they are for the future."""
    end = len(rows)
    while end and all(cells[k][rows[end - 1]] != cells[k][rows[end - 1]] for k in range(targets)):
        end -= 1
    kept, ahead = [], 0
    for place, row in enumerate(rows):
        lacking = [k for k, values in enumerate(cells) if values[row] != values[row]]
        future = place >= end and known > 0 and all(k < len(cells) - known for k in lacking)
        if lacking and not future:
            findings.append(Finding("missing", "warning", table.where(row), ""))
            continue
        kept.append(row)
        ahead += future
    return kept, ahead


def _tell_missing(table: JoinedTable, findings: list[Finding]) -> None:
    """Put all rows that lack a value into one finding."""
    places = [finding.where for finding in findings if finding.code == "missing"]
    findings[:] = [finding for finding in findings if finding.code != "missing"]
    if places:
        count = f"{len(places):,} row{'s lack' if len(places) > 1 else ' lacks'} a value"
        text = f"{count} and {'were' if len(places) > 1 else 'was'} left out; no window reaches over such a gap"
        findings.append(Finding("missing", "warning", places[0], text, tuple(places[:MOST_PLACES])))


def _series(
    table: JoinedTable,
    name: str,
    rows: list[int],
    ahead: int,
    times: Sequence[float],
    cells: Sequence[array[float]],
    step: TimeStep,
    column: str | None,
    findings: list[Finding],
) -> TimeSeries:
    own = [times[row] for row in rows]
    try:
        places = step_places(own, step)
    except MixedSteps as error:
        before, row = rows[error.row - 1], rows[error.row]
        raise DataError(
            f"{table.where(row)}: column {quoted(column)}: {quoted(table.column(column or '')[row])} is not {step.text} "
            f"after {quoted(table.column(column or '')[before])}, as times are elsewhere; a file has one frequency: divide it, "
            "or bring all rows to one"
        ) from None
    gaps = [row for row in range(1, len(places)) if places[row] - places[row - 1] > 1]
    if gaps:
        what = f"{len(gaps):,} gap{'s' * (len(gaps) > 1)} in steps of {step.text}"
        text = f"{what}; no window reaches over a gap; fill gaps in if they should count as steps"
        where = [table.where(rows[row]) for row in gaps[:MOST_PLACES]]
        findings.append(Finding("gap", "warning", where[0], text, tuple(where)))
    return TimeSeries(name, own, places, tuple(array("d", [values[row] for row in rows]) for values in cells), ahead)
