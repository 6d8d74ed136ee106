"""The columns of a table as lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap

from deepcli.data.checks.column_figures import ColumnFigures
from deepcli.data.checks.report_tables import WIDTH, cut, table_lines
from deepcli.data.sources.naming import printable

MOST_COLUMNS = 40
NAME = 24


def columns_lines(columns: Sequence[ColumnFigures]) -> Iterator[str]:
    """Return a line for each column, then why each has its type."""
    shown = columns[:MOST_COLUMNS]
    if not shown:
        return
    rows = [
        [
            cut(printable(one.name), NAME),
            one.type,
            one.part,
            f"{one.missing:,}",
            f"{one.different:,}",
            cut(printable(_range(one)), 30),
        ]
        for one in shown
    ]
    names = ["column", "type", "part", "missing", "different", "range or most frequent"]
    # The range is a text; aligned left, it is the last.
    yield from _with_range(names, rows)
    if len(columns) > len(shown):
        yield f"and {len(columns) - len(shown):,} more columns; --json lists all"
    reasons: dict[str, list[str]] = {}
    for one in shown:
        if one.reason and one.part != "target":
            reasons.setdefault(printable(one.reason), []).append(cut(printable(one.name), NAME))
    if reasons:
        yield ""
        yield "reasons for types"
    for reason, columns_of in reasons.items():
        yield from wrap(
            f"{', '.join(columns_of)}: {reason}",
            WIDTH,
            initial_indent="  ",
            subsequent_indent="    ",
            break_on_hyphens=False,
        )


def _with_range(names: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    heads = list(table_lines(names[:-1], [row[:-1] for row in rows], left=3))
    for head, last in zip(heads, [names[-1], *(row[-1] for row in rows)], strict=True):
        yield cut(f"{head}  {last}".rstrip(), WIDTH)


def _range(one: ColumnFigures) -> str:
    if one.low is not None and one.high is not None:
        return f"{one.low} to {one.high}"
    return ", ".join(f"{value} {count:,}" for value, count in one.frequent)
