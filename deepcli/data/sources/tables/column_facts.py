"""What can be counted about a column: its different values, and which of them are missing."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from deepcli.data.sources.tables.missing_values import MISSING, NOT_NUMBERS
from deepcli.data.sources.tables.table_options import Table

UNSPACED = re.compile("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]")
"""Letters of Thai, Japanese and Chinese, which put no spaces between words."""
SAMPLE = 2_000


@dataclass(frozen=True)
class ColumnFacts:
    """A column of a table, counted.

    Attributes:
        table: The table.
        name: The column's name.
        values: Its values, in the order of rows.
    """

    table: Table
    name: str
    values: list[str | None]

    @classmethod
    def of(cls, table: Table, position: int) -> ColumnFacts:
        """Return the facts about the column at a position; they are counted once for a table."""
        found = table.counted.get(position)
        if not isinstance(found, cls):
            found = table.counted[position] = cls(table, table.names[position], table.columns[position])
        return found

    @cached_property
    def counts(self) -> Counter[str | None]:
        """How often each value occurs, in the order of the first row with it."""
        return Counter(self.values)

    @cached_property
    def words(self) -> list[str]:
        """Different values that are not missing, if the column holds words."""
        return [value for value in self.counts if value is not None and value not in MISSING]

    @cached_property
    def figures(self) -> list[str]:
        """Different values that are not missing, if the column holds numbers or dates."""
        return [value for value in self.words if value not in NOT_NUMBERS]

    def present(self, among_numbers: bool = False) -> int:
        """Return the number of rows with a value."""
        # Few values are missing ones, and many may be different.
        tokens = NOT_NUMBERS if among_numbers else MISSING
        return len(self.values) - sum(self.counts.get(token, 0) for token in (None, *tokens))

    @cached_property
    def mean_words(self) -> float:
        """Mean number of words of a value, over different values."""
        sample = self.words[:SAMPLE]
        return sum(len(value.split()) + len(UNSPACED.findall(value)) / 2 for value in sample) / max(len(sample), 1)

    def place(self, value: str | None) -> str:
        """Return the file and line at which a value is first, with the column: `FILE:LINE: column 'age'`."""
        return f"{self.line_of(value)}: column {self.name!r}"

    def line_of(self, value: str | None) -> str:
        """Return the file and line at which a value is first."""
        return self.table.where(self.values.index(value))
