"""Tables that fit the width of a terminal: cells stay whole, and columns that do not fit are left out and counted."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence

from deepcli.api.line_fields import cells as cells_of
from deepcli.system.terminal_colours import shows_colours

PIPE = 120
"""Characters of a line where there is no terminal, unless COLUMNS says otherwise."""
GAP = 2
LONGEST = 32
"""Characters of a text; longer ones are shortened in the middle, paths at their start."""
LINE = 16
"""Characters of a line of a column's name."""
SHORTEST = 12
"""Characters that are left of the first column, however narrow the terminal is."""
WIDE = "--wide shows all"

Cells = Sequence[Sequence[object]]


def print_rows(
    columns: Sequence[str],
    rows: Cells,
    *,
    csv: bool = False,
    markdown: bool = False,
    ranks: Mapping[str, int] | None = None,
    wide: bool = False,
    more: str = WIDE,
) -> None:
    """Print rows of figures and texts as a table, as CSV, or in Markdown.

    Args:
        columns: Their names; the first names the rows.
        rows: Values; None for no value.
        csv: Print comma-separated values, all of them.
        markdown: Print a table in Markdown, with all columns.
        ranks: Columns of the highest rank are left out first where they do not fit; None leaves out none.
        wide: Leave out none, and shorten nothing.
        more: How to see the columns that are left out.
    """
    if csv:
        import csv as separated

        from deepcli.system.csv_cells import text_cells

        separated.writer(sys.stdout, lineterminator="\n").writerows(map(text_cells, [columns, *rows]))
        return
    cells = [[_text(value) for value in row] for row in rows]
    if markdown:
        lines = [list(columns), ["---"] * len(columns), *cells]
        print("\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines))
        return
    numbers = [
        column
        for place, column in enumerate(columns)
        if all(_is_number(row[place]) for row in rows if row[place] is not None)
    ]
    if ranks is None or wide:
        print_table(columns, cells, numbers)
        return
    kept, cells = fitted(columns, cells, ranks, width())
    print_table([columns[k] for k in kept], cells, numbers)
    if left := len(columns) - len(kept):
        print(f"+{left} column{'s' * (left > 1)}: {more}", file=sys.stdout if sys.stdout.isatty() else sys.stderr)


def width() -> int:
    """Return the characters of a line of the terminal, or of a pipe."""
    return shutil.get_terminal_size((PIPE, 24)).columns


def fitted(
    columns: Sequence[str], cells: Sequence[Sequence[str]], ranks: Mapping[str, int], room: int
) -> tuple[list[int], list[list[str]]]:
    """Choose the columns that fit into a line, and shorten texts.

    Args:
        columns: Their names; the first is always kept.
        cells: A row of texts for each row.
        ranks: Columns of the highest rank are left out first, and of those the last.
        room: Characters of a line.

    Returns:
        The places of the columns that are kept, in order, and their cells.
    """
    texts = [[row[0], *(shortened(cell, LONGEST) for cell in row[1:])] for row in cells]
    widths = [max(map(cells_of, (*header(name), *(row[k] for row in texts)))) for k, name in enumerate(columns)]
    kept = list(range(len(columns)))
    widths[0] = min(widths[0], max(room // 2, SHORTEST))
    while len(kept) > 1 and sum(widths[k] for k in kept) + GAP * (len(kept) - 1) > room:
        kept.remove(max(kept[1:], key=lambda k: (ranks.get(columns[k], 0), k)))
    first = max(room - sum(widths[k] + GAP for k in kept[1:]), SHORTEST)
    return kept, [[shortened(row[0], first), *(row[k] for k in kept[1:])] for row in texts]


def fits(columns: Sequence[str], rows: Cells) -> bool:
    """Return whether all columns fit into a line without shortening their names."""
    widths = [cells_of(name) for name in columns]
    for row in rows:
        widths = [max(wide, cells_of(_text(value))) for wide, value in zip(widths, row, strict=True)]
    return sum(widths) + GAP * (len(widths) - 1) <= width()


def shortened(text: str, most: int) -> str:
    """Shorten a long text: in the middle, so that start and end stay; a path at its start."""
    if len(text) <= most:
        return text
    if os.sep in text and not text.startswith("["):
        return f"…{text[len(text) - most + 1 :]}"
    start = (most - 1) // 2
    return f"{text[:start]}…{text[len(text) - (most - 1 - start) :]}"


def header(name: str) -> list[str]:
    """Break the name of a column into lines, at points and underscores; in a pipe it is one line, for `grep` and `awk`."""
    if not sys.stdout.isatty():
        return [name]
    lines = [""]
    for part in name.replace("_", "_\0").replace(".", ".\0").split("\0"):
        if lines[-1] and len(lines[-1] + part) > LINE:
            lines.append("")
        lines[-1] += part
    return lines


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[str] = ()) -> None:
    """Print a table of one line for each row; on a terminal, the names of columns may take several."""
    heads = [header(name) for name in columns]
    height = max(map(len, heads))
    lines = [[head[k - height] if k >= height - len(head) else "" for head in heads] for k in range(height)]
    right = [column in numbers for column in columns]
    widths = [max(map(cells_of, cells)) for cells in zip(*lines, *rows, strict=True)]
    bold = ("\033[1m", "\033[0m") if shows_colours(sys.stdout) else ("", "")
    for place, row in enumerate([*lines, *rows]):
        padded = [
            (cell, " " * (room - cells_of(cell)), last) for cell, room, last in zip(row, widths, right, strict=True)
        ]
        text = (" " * GAP).join(room + cell if last else cell + room for cell, room, last in padded).rstrip()
        print(f"{bold[0]}{text}{bold[1]}" if place < height else text)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
