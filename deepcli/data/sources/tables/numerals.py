"""Numbers as text: with a decimal point or comma, with thousands separators, and what only looks like a number."""

from __future__ import annotations

import re
from collections.abc import Sequence

THOUSANDS, COMMA = "1,234.5", "1.234,5"
"""How numbers may be written besides plainly, which is an empty string."""
GROUPED = re.compile(r"[+-]?([1-9]\d{0,2}(,\d{3})+|\d{1,3})(\.\d+)?")
SURELY_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}((,\d{3}){2,}(\.\d+)?|(,\d{3})+\.\d+)")
WITH_COMMA = re.compile(r"[+-]?([1-9]\d{0,2}(\.\d{3})+|\d+)(,\d+)?")
MONEY = re.compile(r"[+-]?\s*[$€£¥₹]\s*[\d.,]+|[\d.,]+\s*([$€£¥₹]|USD|EUR|GBP)")
PERCENT = re.compile(r"[+-]?[\d.,]+\s*%")
LONGEST_EXACT = 15
"""Digits of a whole number that a float keeps."""
CODE = re.compile(rf"^[+-]?0\d+$|^\d{{{LONGEST_EXACT + 1},}}$", re.MULTILINE)


def are_plain(values: Sequence[str]) -> bool:
    """Return whether all values are numbers as most programs write them; infinity is one of them here."""
    joined = "\n".join(values)
    if not joined.isascii() or "_" in joined:
        return False
    try:
        list(map(float, values))
    except ValueError:
        return False
    return True


def is_plain(value: str) -> bool:
    """Return whether one value is a number as most programs write it."""
    return are_plain((value,))


def to_plain(value: str, written: str) -> str:
    """Write a number plainly."""
    if written == COMMA:
        return value.replace(".", "").replace(",", ".")
    return value.replace(",", "") if written == THOUSANDS else value


def to_number(value: str, written: str) -> float:
    """Read a number that is written in a known way.

    Raises:
        ValueError: It is not a number that is written so; infinity counts as one.
    """
    pattern = {COMMA: WITH_COMMA, THOUSANDS: GROUPED}.get(written)
    if (pattern and not pattern.fullmatch(value)) or "_" in value or not value.isascii():
        raise ValueError(value)
    return float(to_plain(value, written))


def to_numbers(values: Sequence[str], written: str) -> list[float]:
    """Read numbers that are known to be written so; infinity is one of them here."""
    return [float(to_plain(value, written)) for value in values] if written else list(map(float, values))


def separated_format(values: Sequence[str], demanded: bool = False) -> str | None:
    """Find how numbers with commas are written; None if they are not numbers or can be read in two ways.

    `1,234` alone is both 1.234 and 1234: some other value has to decide. Where most values have no comma, they may as
    well be lists (`4,27` of labels 4 and 27), unless the user says that they are numbers (`demanded`).
    """
    if not demanded and 2 * sum("," in value for value in values) < len(values):
        return THOUSANDS if _all(GROUPED, values) and any(map(SURELY_GROUPED.fullmatch, values)) else None
    if _all(GROUPED, values):
        return THOUSANDS if any(map(SURELY_GROUPED.fullmatch, values)) else None
    return COMMA if _all(WITH_COMMA, values) else None


def are_codes(values: Sequence[str]) -> str:
    """Return why whole numbers are codes and not amounts, as postal codes are; an empty string if nothing says so."""
    found = CODE.search("\n".join(values))
    if not found:
        return ""
    if len(found.group()) > LONGEST_EXACT and not found.group().startswith("0"):
        return f"whole numbers of more than {LONGEST_EXACT} digits, such as {found.group()[:30]!r}, are codes"
    return f"digits with leading zeros, such as {found.group()!r}, are codes"


def why_not_numbers(values: Sequence[str]) -> str:
    """Return why values that look like numbers are none; an empty string if they do not look so."""
    if not values:
        return ""
    if _all(PERCENT, values):
        return f"values with a percent sign, such as {values[0]!r}, are not numbers; remove the sign"
    if _all(MONEY, values):
        return f"values with a currency sign, such as {values[0]!r}, are not numbers; remove the sign"
    if any("," in value for value in values) and (_all(GROUPED, values) or _all(WITH_COMMA, values)):
        shown = next(value for value in values if "," in value)
        return f"commas in values such as {shown!r} may be separators or decimal commas; write plain numbers"
    return ""


def _all(pattern: re.Pattern[str], values: Sequence[str]) -> bool:
    return all(map(pattern.fullmatch, values))
