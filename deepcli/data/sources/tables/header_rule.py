"""Whether the first row of a table holds the names of its columns, and these names."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from deepcli.data.sources.tables.calendar_dates import find_date_format
from deepcli.data.sources.tables.missing_values import NOT_NUMBERS
from deepcli.data.sources.tables.numerals import are_plain, is_plain

LOOKED_AT = 1_000
FEW = 0.1
"""Share of different values below which a column of words is one of categories."""
USUAL = frozenset(
    [
        "id",
        "name",
        "label",
        "labels",
        "class",
        "target",
        "text",
        "sentence",
        "message",
        "review",
        "comment",
        "title",
        "date",
        "time",
        "year",
        "value",
        "type",
        "category",
        "path",
        "file",
        "filename",
        "image",
        "score",
        "rating",
        "species",
        "sex",
        "gender",
        "age",
        "city",
        "country",
        "question",
        "answer",
        "source",
    ]
)
MOST_WORDS = 3
"""Words of a name, where the values below are sentences."""
WORD_LIKE = re.compile(r"[^\W\d][\w .()/%-]{0,39}")


@dataclass(frozen=True)
class HeaderVerdict:
    """Whether there is a header, why, and whether that is a guess.

    Attributes:
        header: Whether the first row holds names.
        reason: Why.
        sure: Whether the evidence is more than custom.
    """

    header: bool
    reason: str
    sure: bool = True


def has_header(first: Sequence[str], columns: Sequence[Sequence[str]]) -> HeaderVerdict:
    """Tell whether a row holds the names of columns.

    Args:
        first: The first row.
        columns: The values below it, by column.
    """
    counted = _consecutive(first)
    if counted and not _consecutive([column[0] if column else "" for column in columns]):
        return HeaderVerdict(True, f"the first row counts {counted}")
    votes = [_vote(name, [value for value in column[:LOOKED_AT] if value not in NOT_NUMBERS])
             for name, column in zip(first, columns, strict=True)]  # fmt: skip
    names, data = sum(vote for vote in votes if vote > 0), -sum(vote for vote in votes if vote < 0)
    if names > data:
        return HeaderVerdict(True, "the first row differs in type from the rows below")
    if data:
        return HeaderVerdict(False, "the first row is like the rows below", sure=data > names)
    if USUAL & {name.lower() for name in first}:
        return HeaderVerdict(True, "the first row holds usual names of columns")
    if any(is_plain(name) and name not in NOT_NUMBERS for name in first):
        return HeaderVerdict(False, "the first row has numbers", sure=False)
    if not columns or not columns[0]:
        return HeaderVerdict(True, "there is one row, of words", sure=False)
    if all(map(WORD_LIKE.fullmatch, first)) and len(set(first)) == len(first):
        return HeaderVerdict(True, "the first row may be names, and most tables have them", sure=False)
    return HeaderVerdict(False, "the first row does not look like names", sure=False)


def _vote(name: str, values: Sequence[str]) -> int:
    """Return how far a cell of the first row differs from what is below it: from -2, it is alike, to 2.

    Types say more than words do: 0 if neither says anything.
    """
    if name in NOT_NUMBERS or not values:
        return 0
    for alike in (_are_numbers, _are_dates):
        if alike(values):
            return -2 if alike([name]) else 2
    different = set(values)
    if name in different:
        return -1
    if are_plain([name]):
        return -1
    if len(values) >= 20 and len(different) <= FEW * len(values):
        return 1
    # Sentences below a short word are as telling as numbers below a word.
    longest = sum(map(len, values)) / len(values)
    is_short = WORD_LIKE.fullmatch(name) and len(name.split()) <= MOST_WORDS and len(name) * 3 < longest
    return 1 if len(values) >= 5 and is_short and longest >= 20 else 0


def _are_numbers(values: Sequence[str]) -> bool:
    """Return whether values are numbers, perhaps with commas in them."""
    return are_plain([value.replace(",", "") for value in values])


def _are_dates(values: Sequence[str]) -> bool:
    return find_date_format(values).written is not None


def _consecutive(row: Sequence[str]) -> str:
    """Return the run of at least three numbers that a row of names may be, such as years; an empty string for none."""
    numbers = [int(cell) for cell in row if cell.isascii() and cell.isdigit() and len(cell) < 10]
    if len(numbers) < 3 or any(b - a != 1 for a, b in itertools.pairwise(numbers)):
        return ""
    return f"{numbers[0]}, {numbers[1]}, {numbers[2]} ..."
