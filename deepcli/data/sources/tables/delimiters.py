"""The delimiter of a table, found by reading its first lines with each and comparing the lengths of rows."""

from __future__ import annotations

import csv
import re
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deepcli.errors import DataError

CANDIDATES = (",", ";", "\t", "|")
NAMES = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}
SAMPLE_LINES, SAMPLE_CHARACTERS = 1_000, 1 << 20
LONGEST_VALUE = 10_000_000
ENOUGH = 0.9
"""Share of the first rows that must be of equal length."""
CLOSE = 0.02
MOSTLY_NUMBERS = 0.5
"""Share of numbers from which values may be separated by spaces."""
ESCAPED = re.compile(r'\\"(?![,;\t|\r\n])')
"""A quote inside of a value, after a backslash."""
CELLS = 200
"""Rows that are looked at more closely where several delimiters fit."""
_limit = threading.Lock()


@dataclass(frozen=True)
class Dialect:
    """How a line becomes values.

    Attributes:
        delimiter: The character between values.
        quoting: Whether quotes enclose values (`minimal`, `escaped`) or are part of them (`none`).
        width: Number of values in most rows.
    """

    delimiter: str
    quoting: str
    width: int


@contextmanager
def long_values() -> Iterator[None]:
    """Let `csv` read values of up to ten million characters, and no longer ones; its limit belongs to the process."""
    with _limit:
        before = csv.field_size_limit(LONGEST_VALUE)
        try:
            yield
        finally:
            csv.field_size_limit(before)


def parse_rows(lines: Iterable[str], delimiter: str, quoting: str, strict: bool = True) -> Iterator[list[str]]:
    """Return an iterator over rows, which can be used further after a `csv.Error`."""
    spaced = delimiter != " "
    # `map` continues after its end, where lines are put back; a generator would not.
    lines = lines if spaced else map(_between_spaces, lines)
    if quoting == "none":
        return csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE, skipinitialspace=spaced)
    escape = "\\" if quoting == "escaped" else None
    return csv.reader(lines, delimiter=delimiter, strict=strict, skipinitialspace=spaced, escapechar=escape)


def _between_spaces(line: str) -> str:
    return " ".join(line.split()) + "\n"


def delimiter_of(option: str, path: Path) -> str:
    """Return the delimiter that an option says; `auto` as it is.

    Raises:
        DataError: It is not one character.
    """
    found = NAMES.get(option, option)
    if found != "auto" and (len(found) != 1 or found in '"\r\n'):
        raise DataError(
            f"{path}: delimiter {option!r} is not one character; write one, or {', '.join(sorted(NAMES)[1:])}"
        )
    return found


def find_dialect(lines: Sequence[str], delimiter: str, quoting: str, ending: str, path: Path) -> Dialect:
    """Find how the first lines of a file become rows of equal length.

    Args:
        lines: The first lines.
        delimiter: As given, or `auto`.
        quoting: As given, or `auto`; what is returned for `auto` is a guess from these lines alone.
        ending: Ending of the file's name: it decides where several delimiters fit.
        path: The file, for errors.

    Raises:
        DataError: No delimiter fits.
    """
    signs = (*CANDIDATES, " ") if delimiter == "auto" else (delimiter,)
    ways = ("minimal", "none") if quoting == "auto" else (quoting,)
    found = [_Candidate.of(lines, sign, way) for sign in signs for way in ways]
    if delimiter != "auto":
        best = max(found, key=lambda each: (each.share >= ENOUGH, each.quoting == "minimal", each.share))
    else:
        best = _best(found, ending, path)
    if quoting == "auto" and any(map(ESCAPED.search, lines)):
        escaped = _Candidate.of(lines, best.delimiter, "escaped")
        best = escaped if (escaped.fits, escaped.share) >= (best.fits, best.share) else best
    return Dialect(best.delimiter, best.quoting, best.width)


def _best(found: Sequence[_Candidate], ending: str, path: Path) -> _Candidate:
    """Return the best of the candidates for a delimiter.

    Raises:
        DataError: None fits.
    """
    spaces = [each for each in found if each.delimiter == " " and each.clean >= MOSTLY_NUMBERS]
    found = [each for each in found if each.delimiter != " "]
    fitting = [each for each in found if each.width > 1 and each.share >= ENOUGH]
    between = [each for each in spaces if each.width > 1 and each.share >= ENOUGH]
    if between and not any(each.clean > between[0].clean - MOSTLY_NUMBERS / 2 for each in fitting):
        return between[0]
    if not fitting:
        return _single_column(found, path)
    top = max(each.share for each in fitting)
    wanted = {"tsv": "\t", "tab": "\t", "csv": ","}.get(ending)
    return max(
        (each for each in fitting if each.share >= top - CLOSE),
        key=lambda each: (
            each.fits,
            each.delimiter == "\t",
            each.clean,
            each.delimiter == wanted,
            each.quoting == "minimal",
            each.share,
        ),
    )


def _single_column(found: Sequence[_Candidate], path: Path) -> _Candidate:
    """Return the candidate for a file with one value a line.

    Raises:
        DataError: There are delimiters, but they make rows of different lengths.
    """
    if all(each.width == 1 and each.share >= ENOUGH for each in found):
        return found[0]
    best = max((each for each in found if each.width > 1), key=lambda each: each.share, default=found[0])
    raise DataError(
        f"{path}: no delimiter makes rows of equal length (best is {best.delimiter!r}: {best.share:.0%} of the first rows "
        f"have {best.width} values); say which with delimiter, quoting or encoding. For one text a line, write delimiter: tab; to "
        "predict the next characters of a running text, such as a book, add task=language_model"
    )


@dataclass(frozen=True)
class _Candidate:
    delimiter: str
    quoting: str
    width: int
    share: float
    clean: float
    fits: bool
    """Whether the first row, which may be a header, is as long as the others."""

    @classmethod
    def of(cls, lines: Sequence[str], delimiter: str, quoting: str) -> _Candidate:
        rows = _rows(lines, delimiter, quoting)
        # A header may be longer or shorter by one than what is below it.
        widths = Counter(map(len, rows[1:] if len(rows) > 2 else rows))
        if not widths:
            return cls(delimiter, quoting, 1, 0.0, 0.0, False)
        width, count = max(widths.items(), key=lambda item: (item[1], item[0]))
        cells = [cell for row in rows[:CELLS] if len(row) == width for cell in row]
        numbers = sum(_is_number(cell, delimiter) for cell in cells) / len(cells)
        share = count / sum(widths.values())
        return cls(delimiter, quoting, width, share, round(numbers, 2), len(rows[0]) == width)


def _rows(lines: Sequence[str], delimiter: str, quoting: str) -> list[list[str]]:
    rows = list[list[str]]()
    reader = parse_rows(iter(lines), delimiter, quoting, strict=False)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return rows
        except csv.Error:
            row = []
        if any(row):
            rows.append(row)


def _is_number(cell: str, delimiter: str) -> bool:
    """Return whether a value may be a number, also one with a decimal comma where commas are not between values."""
    try:
        float(cell if delimiter == "," or "," not in cell else cell.replace(".", "").replace(",", ".", 1))
    except ValueError:
        return False
    return True
