"""What counts as a missing value."""

from __future__ import annotations

from collections.abc import Collection

MISSING = frozenset(["", "NA", "N/A", "n/a", "NaN", "nan", "NAN", "null", "NULL", "<NA>", "#N/A", "NaT"])
"""Missing in every column. `None` is not here: among words it is often a word ("None", "Mild", "Severe")."""
NOT_NUMBERS = MISSING | {"None", "none", "na", "?", "-"}
"""Missing among numbers and dates."""


def missing_of(column_type: str) -> Collection[str]:
    """Return the values that are missing in a column of a type."""
    return NOT_NUMBERS if column_type in ("number", "date") else MISSING
