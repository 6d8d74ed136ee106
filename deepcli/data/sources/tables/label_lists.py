"""Lists of labels in one column: what is between labels, and the labels of a value."""

from __future__ import annotations

import ast
import json
from collections import Counter
from collections.abc import Iterable, Mapping

SEPARATORS = (";", "|", ",")
JSON = "json"
LONGEST = 10_000
SHARE = 0.01
"""Share of rows with several labels from which a column is one of lists."""
USES = 3
"""Mean number of times that a label is used: the parts between commas in texts and names rarely recur."""
MOST_LABELS = 1_000


def split_labels(value: str, written: str) -> list[str]:
    """Return the labels of a value, each once.

    Raises:
        ValueError: It is not a list that is written so.
    """
    parts = _literal(value) if written == JSON else value.split(written) if written else [value]
    return list(dict.fromkeys(part.strip() for part in parts if part.strip()))


def find_lists(counts: Mapping[str, int], demanded: bool = False) -> str | None:
    """Find what is between labels; None if values are not lists of labels.

    Args:
        counts: How often each value occurs.
        demanded: Whether the user says that these are lists, so that little evidence is enough.
    """
    if all(value.startswith("[") for value in counts):
        return JSON if _are_lists(counts) else None
    rows = sum(counts.values())
    for written in SEPARATORS:
        several = sum(count for value, count in counts.items() if written in value)
        if several and (demanded or (several >= max(2, SHARE * rows) and _is_used(counts, written))):
            return written
    return None


def _are_lists(values: Iterable[str]) -> bool:
    try:
        return all(split_labels(value, JSON) is not None for value in values)
    except ValueError:
        return False


def _is_used(counts: Mapping[str, int], written: str) -> bool:
    """Return whether labels come again in other values, as those of lists do."""
    uses: Counter[str] = Counter()
    for value, count in counts.items():
        for label in split_labels(value, written):
            uses[label] += count
        if len(uses) > MOST_LABELS:
            return False
    return len(uses) < len(counts) and uses.total() >= USES * len(uses)


def _literal(value: str) -> list[str]:
    """Read a list as JSON or Python writes it; nothing in it is run."""
    if not (value.startswith("[") and value.endswith("]")) or len(value) > LONGEST:
        raise ValueError(value)
    try:
        found = json.loads(value, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        try:
            found = ast.literal_eval(value)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            raise ValueError(value) from None
    if not isinstance(found, list) or any(isinstance(each, list | dict | tuple | set | None) for each in found):
        raise ValueError(value)
    return [str(each) for each in found]
