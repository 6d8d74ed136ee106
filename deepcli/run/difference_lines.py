"""What differs between two runs, in lines."""

from __future__ import annotations

from typing import Any

from deepcli.run.bit_comparison import BitComparison, BitDifference

MOST_VALUES = 6
"""Significant digits of a value that a line shows."""


def difference_lines(found: BitComparison, names: tuple[str, str], most: int = 3) -> list[str]:
    """Describe the differences, at most some of each part.

    Args:
        found: The comparison.
        names: What the two runs are called, such as `then` and `now`.
        most: Lines of one part.
    """
    lines = []
    for part in dict.fromkeys(one.part for one in found.differences):
        of_part = [one for one in found.differences if one.part == part]
        lines += [f"{part}: {_described(one, names)}" for one in of_part[:most]]
        if len(of_part) > most:
            lines.append(f"{part}: and {len(of_part) - most} more")
    return lines


def _described(one: BitDifference, names: tuple[str, str]) -> str:
    if one.arrays is not None:
        count, total = one.arrays
        by = f", by at most {one.largest:.3g}" if one.largest is not None and one.largest < float("inf") else ""
        return f"{count} of {total} arrays differ{by} (first: {one.name})"
    where = f" from epoch {one.epoch} on" if one.epoch is not None else ""
    return f"{one.name}{where}: {_short(one.first)} {names[0]}, {_short(one.second)} {names[1]}"


def _short(value: Any) -> str:
    text = "none" if value is None else f"{value:.{MOST_VALUES}g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
