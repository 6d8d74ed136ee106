"""The type of every column of a table, by rules that give their reason, or as the user says."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from deepcli.data.schema import Column, ColumnType
from deepcli.data.sources.kinds import PICTURES
from deepcli.data.sources.tables.calendar_dates import compact_dates, find_date_format
from deepcli.data.sources.tables.column_facts import ColumnFacts
from deepcli.data.sources.tables.column_overrides import as_given
from deepcli.data.sources.tables.missing_values import NOT_NUMBERS
from deepcli.data.sources.tables.numerals import are_codes, are_plain, is_plain, separated_format, why_not_numbers
from deepcli.data.sources.tables.table_options import SHOWN, Table, listed, quoted
from deepcli.errors import DataError

MANY_WORDS, FEW_WORDS = 5.0, 2.0
"""Mean words of a value: from the first on, values are text if they are not few; from the second on, if most differ."""
MOSTLY_DIFFERENT, SOMEWHAT_DIFFERENT = 0.5, 0.05
FEW_CATEGORIES = 20
MIN_ROWS, MANY_ROWS = 10, 1_000
"""Rows below which equal or different values say nothing, and from which whole numbers in a run are not years."""
PICTURE_SAMPLE, PICTURES_FOUND = 100, 0.9
ID_NAME = re.compile(
    r"(?i:id|ids|idx|index|key|uuid|guid|row|row.?(id|number|nr|no)|unnamed: 0|column_1)|.*[a-z]I[dD]|(?i:.*[_ .-]id)|(?i:id[_ .-].*)"
)
MIXED, LOOKED_AT = 0.9, 100


def find_columns(table: Table, given: Mapping[str, str] | None = None) -> tuple[Column, ...]:
    """Find the type of every column; `Column.identifier` marks those that only name their row.

    Args:
        table: The table.
        given: Types by name of column that the user says.

    Raises:
        DataError: A given column does not exist, or its values are not of the given type: with the line of the first.
    """
    given = given or {}
    for name, wanted in given.items():
        table.position(name)
        if wanted not in get_args(ColumnType):
            raise DataError(
                f"columns: {quoted(name)}: unknown type {wanted!r}; write {', '.join(get_args(ColumnType))}"
            )
    facts = (ColumnFacts.of(table, k) for k in range(len(table.names)))
    return tuple(as_given(each, given[each.name]) if each.name in given else find_column(each) for each in facts)


def find_column(facts: ColumnFacts) -> Column:
    """Find the type of one column by its values."""
    if not facts.words:
        return _column(facts, "category", "it has no values")
    figures = facts.figures
    if figures and are_plain(figures):
        return _number(facts, figures)
    found = find_date_format(figures)
    if found.written:
        return _column(facts, "date", f"all {_counted(facts)} values are dates, {_ways(found.written)}", found.written)
    ending = [value for value in facts.words[:PICTURE_SAMPLE] if Path(value).suffix[1:].lower() in PICTURES]
    missing_pictures = ""
    if len(ending) >= PICTURES_FOUND * len(facts.words[:PICTURE_SAMPLE]):
        there = sum(os.path.isfile(facts.table.path.parent / value) for value in ending)  # noqa: PTH113
        reason = f"{there} of {len(ending)} names of pictures in a sample were found in {facts.table.path.parent}"
        if there >= PICTURES_FOUND * len(ending):
            return _column(facts, "image", reason)
        missing_pictures = reason
    written = _separated(facts)
    if written:
        return _column(facts, "number", f"all {_counted(facts)} values are numbers written as {written}", written)
    return _words(facts, found.why_not or why_not_numbers(figures) or missing_pictures or _nearly_numbers(facts))


def mostly_numbers(facts: ColumnFacts) -> str | None:
    """Return the first value that is not a number in a column where nearly all are; None in other columns."""
    head = facts.figures[:LOOKED_AT]
    if 2 * sum(map(is_plain, head)) < len(head):
        return None
    others = [value for value in facts.figures if not is_plain(value)]
    count = sum(facts.counts[value] for value in others)
    return others[0] if others and count <= (1 - MIXED) * facts.present(True) else None


def _nearly_numbers(facts: ColumnFacts) -> str:
    odd = mostly_numbers(facts)
    if odd is None:
        return ""
    return f"nearly all values are numbers, but {quoted(odd)} is not ({facts.line_of(odd)})"


def _number(facts: ColumnFacts, figures: list[str]) -> Column:
    codes = are_codes(figures)
    if codes:
        return _column(facts, "category", codes, identifier=_is_unique(facts))
    if compact_dates(figures):
        return _column(facts, "date", f"all {_counted(facts)} values are dates such as {figures[0]!r}", "iso")
    reason = f"all {_counted(facts)} values are numbers"
    counting = _counts_rows(facts, figures)
    return _column(facts, "number", f"{reason}; {counting}" if counting else reason, identifier=bool(counting))


def _separated(facts: ColumnFacts) -> str | None:
    """Return how numbers with commas are written; None where commas are also between values."""
    if facts.table.layout.get("delimiter") not in (";", "\t"):
        return None
    return separated_format(facts.figures) if any("," in value for value in facts.figures) else None


def _words(facts: ColumnFacts, why: str) -> Column:
    """Tell text from categories by how many values differ and how many words they have."""
    rows, different, words = facts.present(), len(facts.words), facts.mean_words
    share = different / rows
    is_text = different > 2 and (
        (
            words >= MANY_WORDS
            and share > SOMEWHAT_DIFFERENT
            and (different > FEW_CATEGORIES or share > MOSTLY_DIFFERENT)
        )
        or (words >= FEW_WORDS and share > MOSTLY_DIFFERENT)
    )
    shown = f"{different:,} different value{'s' * (different != 1)} in {rows:,} rows, {words:.1f} words each"
    if is_text:
        return _column(facts, "text", f"{shown}{_because(why)}")
    is_mixed = mostly_numbers(facts) is not None  # a word among numbers does not make them names of rows
    unique = _is_unique(facts) and not is_mixed and not any(" " in value for value in facts.words)
    return _column(facts, "category", f"{shown}{_because(why)}", identifier=unique)


def _because(why: str) -> str:
    return f"; {why}" if why else ""


def _is_unique(facts: ColumnFacts) -> bool:
    return len(facts.words) == facts.present() >= MIN_ROWS


def _counts_rows(facts: ColumnFacts, figures: list[str]) -> str:
    """Return why numbers only name their rows; an empty string if they may be amounts."""
    rows = facts.present(True)
    if len(figures) != rows or rows < MIN_ROWS or rows < facts.table.rows or not all(map(str.isdigit, figures)):
        return ""
    numbers = list(map(int, figures))
    low, high = min(numbers), max(numbers)
    if high - low == rows - 1 and (low in (0, 1) or rows >= MANY_ROWS):
        return f"they count {low} to {high:,}"
    return "each occurs once, and the name says identifier" if ID_NAME.fullmatch(facts.name) else ""


def _counted(facts: ColumnFacts) -> str:
    return f"{facts.present(True):,}"


def _ways(written: str) -> str:
    ways = {"iso": "year first", "month": "months", "ymd": "year first", "dmy": "day first", "mdy": "month first"}
    return ways.get(written, "with the month's name")


def _column(facts: ColumnFacts, found: ColumnType, reason: str, written: str = "", identifier: bool = False) -> Column:
    rows, numeric = facts.table.rows, found in ("number", "date")
    missing = rows - facts.present(numeric)
    if missing:
        reason += f", {missing:,} missing"
        odd = [value for value in facts.words if value in NOT_NUMBERS] if numeric else []
        reason += f" ({listed([value[:SHOWN] for value in odd])} counts as missing)" if odd else ""
    return Column(name=facts.name, type=found, reason=reason, missing=missing, written=written, identifier=identifier)
