"""Tables of text in 80 columns, the same in a terminal and in a pipe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

WIDTH = 80
GAP = "  "


def table_lines(columns: Sequence[str], rows: Sequence[Sequence[str]], left: int) -> Iterator[str]:
    """Lay out a table; the first column is cut if the rest leaves too little room.

    Args:
        columns: Their headings.
        rows: The cells.
        left: Columns that are aligned left; the others are numbers.
    """
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    room = WIDTH - sum(widths[1:]) - len(GAP) * (len(widths) - 1)
    widths[0] = min(widths[0], max(room, 8))
    for row in (columns, *rows):
        cells = [
            cut(cell, width).ljust(width) if number < left else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield cut(GAP.join(cells).rstrip(), WIDTH)


def cut(text: str, width: int) -> str:
    """Shorten a text to a width."""
    return text if len(text) <= width else f"{text[: max(width - 1, 0)]}…"
