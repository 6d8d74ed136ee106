"""The times of a series: how they are read, how far they are apart, and how they continue."""

from __future__ import annotations

import calendar
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Literal

from deepcli.data.schema import StepUnit
from deepcli.data.sources.tables.calendar_dates import EPOCH, compact_dates, find_date_format, to_days
from deepcli.data.sources.tables.numerals import are_plain

DAY = 86_400
SECONDS = {"week": 7 * DAY, "day": DAY, "hour": 3600, "minute": 60, "second": 1}
MOST_OF_A_DAY = 1440
"""Steps of a day up to which a day is taken for a season."""
RUN = 3
"""Equal gaps in a row from which they are another frequency and not gaps."""
NUMBER: Literal["number"] = "number"


@dataclass(frozen=True)
class TimeStep:
    """How far times are apart.

    Attributes:
        unit: What a step is counted in; `number` for times that are numbers, or for rows without times.
        size: How many units a step is.
    """

    unit: StepUnit = "number"
    size: float = 1.0

    @property
    def text(self) -> str:
        """The step in words, such as `1 hour`."""
        if self.unit == "month":
            name, count = ("year", self.size / 12) if self.size % 12 == 0 else ("month", self.size)
        elif self.unit == "second":
            name = next((name for name, size in SECONDS.items() if self.size % size == 0), "second")
            count = self.size / SECONDS[name]
        else:
            name, count = ("weekday" if self.unit == "weekday" else "step"), self.size
        return f"{count:g} {name}{'s' * (count != 1)}"

    @property
    def season(self) -> int:
        """Steps after which values are likely to come again: a day of shorter steps, a week of days, a year of the rest."""
        if self.unit == "month":
            return max(int(12 // self.size), 1) if 12 % self.size == 0 else 1
        if self.unit == "weekday":
            return 5
        if self.unit == "number":
            return 1
        if self.size == DAY:
            return 7
        if self.size == 7 * DAY:
            return 52
        steps = DAY / self.size
        return int(steps) if self.size < DAY and steps == int(steps) <= MOST_OF_A_DAY else 1

    def place(self, time: float) -> float:
        """Return the number of steps from a fixed time to a time; a whole number plus a constant, if the step fits."""
        if self.unit == "month":
            day = moment(time)
            return (day.year * 12 + day.month) / self.size
        if self.unit == "weekday":
            whole = int(time // 1)
            weeks, rest = divmod(whole + 3, 7)  # 1970 began on a Thursday
            return (weeks * 5 + min(rest, 5)) / self.size
        return time / self.size if self.unit == "number" else time * DAY / self.size

    def after(self, time: float, steps: int) -> float:
        """Return the time that is some steps after another; the last day of a month is followed by that of the next."""
        if self.unit == "month":
            return _months_after(time, round(steps * self.size))
        if self.unit == "weekday":
            for _ in range(round(steps * self.size)):
                time += 3 if (int(time // 1) + 3) % 7 == 4 else 1
            return time
        return time + steps * (self.size if self.unit == "number" else self.size / DAY)


def moment(time: float) -> datetime:
    """Return the date of a number of days since 1970, to the microsecond."""
    return EPOCH + timedelta(microseconds=round(time * DAY * 1e6))


def shown_time(time: float, written: str) -> str:
    """Write a time as ISO 8601, without a clock at midnight, and without a day where the data have none; or a number."""
    if written == NUMBER:
        return f"{time:.15g}"
    found = moment(time).replace(tzinfo=None)
    if written == "month":
        return f"{found:%Y-%m}"
    return f"{found:%Y-%m-%d}" if found.time() == datetime.min.time() else found.isoformat(" ")


def _months_after(time: float, months: int) -> float:
    before = moment(time)
    year, month = divmod(before.year * 12 + before.month - 1 + months, 12)
    last = before.day == calendar.monthrange(before.year, before.month)[1] and before.day > 28
    longest = calendar.monthrange(year, month + 1)[1]
    day = date(year, month + 1, longest if last else min(before.day, longest))
    return (day - EPOCH.date()).days + time % 1


def read_times(
    values: Sequence[str], written: str, where: Callable[[int], str], column: str
) -> tuple[list[float], str]:
    """Read times as numbers, or as days since 1970.

    Args:
        values: The times as written; none is missing.
        written: How those of training were written; empty to find it.
        where: Returns the place of a value.
        column: The column's name, for messages.

    Returns:
        The times, and how they are written.

    Raises:
        ValueError: A value is not a time like the others; the message has its place.
    """
    dates = compact_dates(values)
    if written in ("", NUMBER) and are_plain(values) and not dates:
        numbers = [float(value) for value in values]
        for row, number in enumerate(numbers):
            if abs(number) == float("inf") or number != number:
                raise ValueError(f"{where(row)}: column {column!r}: {values[row]!r} is not a time")
        return numbers, NUMBER
    found = find_date_format(values).written if written in ("", NUMBER) else written
    if dates:
        found = "iso"
    if not found:
        raise ValueError(_why_no_times(values, where, column))
    times = []
    for row, value in enumerate(values):
        try:
            times.append(to_days(value, found))
        except ValueError:
            raise ValueError(
                f"{where(row)}: column {column!r}: {value[:40]!r} is not a time like the others; correct it, or leave the "
                "row out"
            ) from None
    return times, found


def _why_no_times(values: Sequence[str], where: Callable[[int], str], column: str) -> str:
    """Name the first value that is not written as those before it, or say why none is a time."""
    for count in (1, 2, 20):
        form = find_date_format(values[:count])
        if not form.written:
            break
        for row, value in enumerate(values):
            try:
                to_days(value, form.written)
            except ValueError:
                return f"{where(row)}: column {column!r}: {value[:40]!r} is not a time like those before it; correct it"
    form = find_date_format(values)
    why = form.why_not or "they are neither dates nor numbers"
    return f"{where(0)}: column {column!r} holds no times, as in {values[0][:40]!r}: {why}; name another with data.time"


def find_step(series: Sequence[Sequence[float]], written: str) -> TimeStep:
    """Find how far sorted times are apart, from all series together.

    Months are found where days of a month are equal, and weekdays where only Saturdays and Sundays are missing. Otherwise the
    step is the most frequent distance.
    """
    distances = Counter(
        round((after - before) * (1 if written == NUMBER else DAY), 6)
        for times in series
        for before, after in pairwise(times)
    )
    if not distances:
        return TimeStep(NUMBER if written == NUMBER else "second", 1.0 if written == NUMBER else float(DAY))
    common = min(distances.items(), key=lambda item: (-item[1], item[0]))[0]
    if written == NUMBER or len(distances) == 1:
        return TimeStep(NUMBER if written == NUMBER else "second", float(common))
    if months := _month_step(series):
        return TimeStep("month", float(months))
    if common == DAY and distances.get(3 * DAY) and all((int(t // 1) + 3) % 7 < 5 for times in series for t in times):
        return TimeStep("weekday", 1.0)
    return TimeStep("second", float(common))


def _month_step(series: Sequence[Sequence[float]]) -> int:
    """Return the months from a time to the next if all are at the same day of their months, or all at the last; else 0."""
    days = [moment(time) for times in series for time in times]
    same = len({(day.day, day.time()) for day in days}) == 1
    last = all(day.day == calendar.monthrange(day.year, day.month)[1] for day in days)
    if not (same or last):
        return 0
    counts = Counter(
        round(TimeStep("month").place(after) - TimeStep("month").place(before))
        for times in series
        for before, after in pairwise(times)
    )
    return min(counts.items(), key=lambda item: (-item[1], item[0]))[0]


def step_places(times: Sequence[float], step: TimeStep) -> list[int]:
    """Return the place of each time of a series, counted in steps from the first; a gap skips numbers.

    Raises:
        MixedSteps: Times are not whole steps apart, or several in a row are further apart, which is another frequency.
    """
    first = step.place(times[0])
    places, run, size = [0], 0, 1
    for row, time in enumerate(times[1:], 1):
        exact = step.place(time) - first
        place = round(exact)
        if abs(exact - place) > 1e-3 or place <= places[-1]:
            raise MixedSteps(row)
        apart = place - places[-1]
        run = run + 1 if apart == size and apart > 1 else 1
        size = apart
        if apart > 1 and run >= RUN:
            raise MixedSteps(row - RUN + 1)
        places.append(place)
    return places


class MixedSteps(Exception):
    """Times of a series are not whole steps apart.

    Args:
        row: The first time that is not a step after the one before it.
    """

    def __init__(self, row: int) -> None:
        super().__init__(row)
        self.row = row
