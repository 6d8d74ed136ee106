"""The data of lessons that read files: small made-up texts, pairs and series, the same to the byte everywhere."""

from __future__ import annotations

import datetime
import math
import random
from collections.abc import Callable

ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def sums() -> str:
    """Return a text of 3,000 sums of two numbers under fifty in words, in an order without a pattern."""
    draw = random.Random(1)
    pairs = [(_below(draw, 50), _below(draw, 50)) for _ in range(3000)]
    return "".join(f"{in_words(a)} plus {in_words(b)} is {in_words(a + b)}.\n" for a, b in pairs)


def dates() -> str:
    """Return a table of 2,000 dates, as people write them and as standards do (ISO 8601)."""
    draw = random.Random(2)
    first = datetime.date(1950, 1, 1).toordinal()
    days = [datetime.date.fromordinal(first + _below(draw, 36_500)) for _ in range(2000)]
    rows = [f"{_written(day, _below(draw, 3))}\t{day.isoformat()}\n" for day in days]
    return "written\tiso\n" + "".join(rows)


def months() -> str:
    """Return a table of thirty years of months: a slow rise, two seasons a year of unequal shape, and noise."""
    draw = random.Random(3)
    rows = []
    for index in range(360):
        season = 20 * math.sin(math.tau * index / 12) + 12 * math.cos(math.tau * index / 6 + 1)
        noise = 4 * (sum(draw.random() for _ in range(12)) - 6)  # about normal, of four
        rows.append(f"{1990 + index // 12}-{index % 12 + 1:02}-01,{100 + index / 6 + season + noise:.1f}\n")
    return "month,sold\n" + "".join(rows)


FILES: dict[str, Callable[[], str]] = {"sums.txt": sums, "dates.tsv": dates, "months.csv": months}
"""What writes each file."""


def in_words(number: int) -> str:
    """Write a number under a hundred in words: 42 is `forty-two`."""
    if number < len(ONES):
        return ONES[number]
    ten, one = divmod(number, 10)
    return TENS[ten - 2] + (f"-{ONES[one]}" if one else "")


def _written(day: datetime.date, style: int) -> str:
    month = MONTHS[day.month - 1]
    if style == 0:
        return f"{WEEKDAYS[day.weekday()]}, {day.day} {month} {day.year}"
    return f"{month} {day.day}, {day.year}" if style == 1 else f"{day.day}.{day.month}.{day.year}"


def _below(draw: random.Random, count: int) -> int:
    return int(draw.random() * count)  # what `random` promises to give in every version of Python is this alone
