"""Types of columns that the user says: they hold for every value, or the first that does not fit is an error."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from deepcli.data.schema import Column, ColumnType
from deepcli.data.sources.kinds import PICTURES
from deepcli.data.sources.tables.calendar_dates import find_date_format, to_days
from deepcli.data.sources.tables.column_facts import ColumnFacts
from deepcli.data.sources.tables.numerals import are_plain, is_plain, separated_format, why_not_numbers
from deepcli.data.sources.tables.table_options import quoted
from deepcli.errors import DataError


def as_given(facts: ColumnFacts, wanted: str) -> Column:
    """Return a column with the type that the user says.

    Raises:
        DataError: A value is not of this type.
    """
    makers: dict[str, Callable[[ColumnFacts], tuple[ColumnType, str]]] = {
        "number": _number,
        "date": _date,
        "image": _image,
        "category": lambda _: ("category", ""),
        "text": lambda _: ("text", ""),
    }
    found, written = makers[wanted](facts)
    missing = facts.table.rows - facts.present(found in ("number", "date"))
    reason = "as the spec says" + (f", {missing:,} missing" if missing else "")
    return Column(name=facts.name, type=found, reason=reason, missing=missing, written=written)


def _number(facts: ColumnFacts) -> tuple[ColumnType, str]:
    if are_plain(facts.figures):
        return "number", ""
    written = separated_format(facts.figures, demanded=True)
    if written is None:
        odd = next(value for value in facts.figures if not is_plain(value))
        why = why_not_numbers(facts.figures)
        raise DataError(f"{facts.place(odd)}: {quoted(odd)} is not a number{': ' + why if why else ''}")
    return "number", written


def _date(facts: ColumnFacts) -> tuple[ColumnType, str]:
    found = find_date_format(facts.figures)
    if found.written or not facts.figures:
        return "date", found.written or "iso"
    odd = next((value for value in facts.figures if not _is_date(value)), facts.figures[0])
    why = found.why_not or "write dates as 2020-12-31"
    raise DataError(f"{facts.place(odd)}: {quoted(odd)} is not a date that can be used: {why}")


def _is_date(value: str) -> bool:
    for written in ("iso", "month", "ymd", "dmy", "mdy", "named"):
        try:
            to_days(value, written)
        except ValueError:
            continue
        return True
    return False


def _image(facts: ColumnFacts) -> tuple[ColumnType, str]:
    odd = _first_without_picture(facts.words)
    if odd is not None:
        raise DataError(f"{facts.place(odd)}: {quoted(odd)} does not end as a picture does; use {', '.join(PICTURES)}")
    folder = facts.table.path.parent
    if facts.words and not os.path.isfile(folder / facts.words[0]):  # noqa: PTH113
        raise DataError(f"{facts.place(facts.words[0])}: no picture {quoted(facts.words[0])} in {folder}")
    return "image", ""


def _first_without_picture(values: Sequence[str]) -> str | None:
    return next((value for value in values if value.rsplit(".", 1)[-1].lower() not in PICTURES), None)
