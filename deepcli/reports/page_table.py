"""Tables of a page as plain values: the templates lay them out and escape them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TableHead:
    """The head of a column.

    Attributes:
        text: Its name.
        number: Whether its cells are numbers, aligned to the right.
        note: What the column means, shown on hover and below the table; empty for a name that says it.
    """

    text: str
    number: bool = False
    note: str = ""


@dataclass(frozen=True)
class TableRow:
    """A row.

    Attributes:
        name: Its name, in the first column.
        cells: The other cells.
        note: What the row means, shown on hover and below the table; empty for a name that says it.
    """

    name: str
    cells: tuple[str, ...]
    note: str = ""


@dataclass(frozen=True)
class PageTable:
    """A table whose first column names the rows.

    Attributes:
        columns: The heads of all columns, the first one's included.
        rows: The rows.
    """

    columns: tuple[TableHead, ...]
    rows: tuple[TableRow, ...]

    @property
    def meanings(self) -> dict[str, str]:
        """What its rows and columns mean, by name, where they have a note."""
        heads = {head.text: head.note for head in self.columns if head.note}
        return {row.name: row.note for row in self.rows if row.note} | heads


@dataclass(frozen=True)
class MatrixCell:
    """A cell of a confusion matrix.

    Attributes:
        count: The number of examples.
        share: The share of its row, from 0 to 1.
    """

    count: int
    share: float


@dataclass(frozen=True)
class MatrixRow:
    """A row of a confusion matrix.

    Attributes:
        name: The class.
        cells: A cell for each predicted class.
        recall: The recall of the class.
    """

    name: str
    cells: tuple[MatrixCell, ...]
    recall: str
