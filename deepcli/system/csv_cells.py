"""Cells of CSV files that hold text of other people: a spreadsheet must show them, and not compute them."""

from __future__ import annotations

import re
from collections.abc import Iterable

FORMULA = re.compile(r"[=+\-@\t\r]")
"""How a cell begins that spreadsheets take for a formula, or for one after they have dropped white space."""
HARMLESS = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?|-((:|\[)\d+\]?)?")
"""A number, or standard input with the place of a row."""


def as_text(value: object) -> object:
    """Return a value that stays text in a spreadsheet: what it would take for a formula gets an apostrophe in front."""
    if isinstance(value, str) and FORMULA.match(value) and not HARMLESS.fullmatch(value):
        return f"'{value}"
    return value


def text_cells(values: Iterable[object]) -> list[object]:
    """Return the cells of a row."""
    return [as_text(value) for value in values]
