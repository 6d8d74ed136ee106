"""Reads a cell of a table as the number that a model takes.

The text of this file is part of scripts beside exported models, so it imports only its neighbours and the standard library.
"""

from __future__ import annotations

import math

from deepcli.data.sources.tables.calendar_dates import to_days
from deepcli.data.sources.tables.missing_values import missing_of
from deepcli.data.sources.tables.numerals import to_number

HIGHEST = 3.4028234663852886e38
"""The largest float32."""
SHOWN = 40
"""Characters of a value that messages show."""


def cell_number(value: str | None, column_type: str, written: str) -> float:
    """Return a number, or the days since 1970 of a date; NaN if the value is missing.

    Args:
        value: The value without spaces around it; None is missing.
        column_type: `number` or `date`.
        written: How the column's values are written; empty for plain numbers and ISO dates.

    Raises:
        ValueError: It is neither, or too large; the message says so.
    """
    if value is None or value in missing_of(column_type):
        return math.nan
    shown = repr(value if len(value) <= SHOWN else value[: SHOWN - 3] + "...")
    try:
        number = to_days(value, written or "iso") if column_type == "date" else to_number(value, written)
    except (ValueError, OverflowError):
        how = f" (written as {written})" if written else ""
        raise ValueError(f"{shown} is not a {column_type}{how}") from None
    if abs(number) > HIGHEST:  # infinity too
        raise ValueError(f"{shown} is not a number that can be used (infinite or too large); leave the cell empty")
    return number
