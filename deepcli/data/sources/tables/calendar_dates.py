"""Dates as text: ISO 8601, year first, and day or month first where only one of the two is possible."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ISO = re.compile(r"\d{4}-?\d{2}-?\d{2}([T ].+)?")
COMPACT = re.compile(r"(19|20)\d{6}")
MONTH = re.compile(r"(\d{4})-(\d{2})")
YEAR_FIRST = re.compile(r"(\d{4})([/.])(\d{1,2})\2(\d{1,2})(?:[ T](.+))?")
YEAR_LAST = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4})(?:[ T](.+))?")
NAMED = re.compile(r"(?:(\d{1,2})[ -]([A-Za-z]{3,9})\.?|([A-Za-z]{3,9})\.? (\d{1,2}))[ ,-]+(\d{4})")
SHORT_YEAR = re.compile(r"\d{1,2}([/.-])\d{1,2}\1\d{2}")
MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
FIRST = 20
"""Values that are tried before all are."""


@dataclass(frozen=True)
class DateFormat:
    """How dates are written.

    Attributes:
        written: `iso`, `month` (2020-01), `ymd`, `dmy`, `mdy` or `named` (3 March 2020); None if values are not dates.
        why_not: Why values that look like dates are none, for a message.
    """

    written: str | None
    why_not: str = ""


def find_date_format(values: Sequence[str]) -> DateFormat:
    """Find how dates are written; every value has to be one, and day and month have to be clear."""
    if not values:
        return DateFormat(None)
    head = values[:FIRST]
    if all(map(YEAR_LAST.fullmatch, head)):
        return _day_or_month(values)
    for written in ("iso", "month", "ymd", "named"):
        if _all_read(head, written):
            return DateFormat(written if _all_read(values, written) else None, "some values are not dates")
    if all(map(SHORT_YEAR.fullmatch, head)):
        return DateFormat(None, f"years of two digits, as in {values[0]!r}, are ambiguous; write dates as 2020-12-31")
    return DateFormat(None)


def compact_dates(values: Sequence[str]) -> bool:
    """Return whether whole numbers are dates such as 20201231; chance makes few numbers look so."""
    return len(values) >= 5 and all(map(COMPACT.fullmatch, values)) and _all_read(values, "iso")


def to_days(value: str, written: str) -> float:
    """Return the days since 1970 at which a date is; without a time zone, it counts as UTC.

    Raises:
        ValueError: It is not a date that is written so.
    """
    moment = _READERS[written](value)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    passed = moment - EPOCH
    return passed.days + (passed.seconds + passed.microseconds / 1e6) / 86_400


def _day_or_month(values: Sequence[str]) -> DateFormat:
    day_first, month_first = _all_read(values, "dmy"), _all_read(values, "mdy")
    if day_first and month_first:
        text = f"day and month are ambiguous in every value, as in {values[0]!r}; write dates as 2020-12-31"
        return DateFormat(None, text)
    if day_first or month_first:
        return DateFormat("dmy" if day_first else "mdy")
    return DateFormat(None, "some values are not dates, neither with the day nor with the month first")


def _all_read(values: Sequence[str], written: str) -> bool:
    try:
        for value in values:
            _READERS[written](value)
    except ValueError:
        return False
    return True


def _iso(value: str) -> datetime:
    if not ISO.fullmatch(value):
        raise ValueError(value)
    return datetime.fromisoformat(value)


def _month(value: str) -> datetime:
    year, month = _groups(MONTH, value)
    return datetime(int(year), int(month), 1)


def _year_first(value: str) -> datetime:
    year, _, month, day, rest = _groups(YEAR_FIRST, value)
    return _made(year, month, day, rest)


def _day_first(value: str) -> datetime:
    day, _, month, year, rest = _groups(YEAR_LAST, value)
    return _made(year, month, day, rest)


def _month_first(value: str) -> datetime:
    month, _, day, year, rest = _groups(YEAR_LAST, value)
    return _made(year, month, day, rest)


def _named(value: str) -> datetime:
    day, name, other_name, other_day, year = _groups(NAMED, value)
    word = (name or other_name).lower()
    months = [
        k for k, month in enumerate(MONTHS, 1) if word == month or word == month[:3] or word == month[:4] == "sept"
    ]
    if not months:
        raise ValueError(value)
    return datetime(int(year), months[0], int(day or other_day))


def _made(year: str, month: str, day: str, rest: str | None) -> datetime:
    """Put a date together; `rest` is a time such as 9:30, 09:30:15 or 9:30 PM."""
    plain = datetime(int(year), int(month), int(day))
    if not rest:
        return plain
    clock, _, half = rest.upper().partition(" ")
    hour, _, minutes = clock.partition(":")
    if half not in ("", "AM", "PM") or (half and not 1 <= int(hour) <= 12):
        raise ValueError(rest)
    at = (int(hour) % 12 + (12 if half == "PM" else 0)) if half else int(hour)
    return datetime.fromisoformat(f"{plain:%Y-%m-%d}T{at:02d}:{minutes}" if minutes else rest)


def _groups(pattern: re.Pattern[str], value: str) -> tuple[str, ...]:
    found = pattern.fullmatch(value)
    if not found:
        raise ValueError(value)
    return found.groups()


_READERS: dict[str, Callable[[str], datetime]] = {
    "iso": _iso,
    "month": _month,
    "ymd": _year_first,
    "dmy": _day_first,
    "mdy": _month_first,
    "named": _named,
}
