"""Rows that cannot be used: they are named and left out, and do not end the reading of a file."""

from __future__ import annotations

from pathlib import Path

from deepcli.data.sources.findings import Finding
from deepcli.errors import DataError

NAMED = 5
MAX_SHARE = 0.1


class BadRows:
    """Rows that are left out, the first of them with the reason.

    Args:
        path: The file.
        remedy: What to write if too many rows are bad.
    """

    def __init__(self, path: Path, remedy: str) -> None:
        self._path, self._remedy = path, remedy
        self._first: list[tuple[int, str]] = []
        self.count = 0

    def add(self, line: int, why: str) -> None:
        """Leave out the row at a line."""
        self.count += 1
        if len(self._first) < NAMED:
            self._first.append((line, why))

    def findings(self, good: int) -> list[Finding]:
        """Return what to show, given the number of rows that can be used.

        Raises:
            DataError: More than a tenth of the rows are bad.
        """
        if not self.count:
            return []
        total = self.count + good
        named = "; ".join(f"line {line} {why}" for line, why in self._first)
        more = f"; and {self.count - len(self._first):,} more" if self.count > len(self._first) else ""
        where = f"{self._path}:{self._first[0][0]}"
        if self.count > MAX_SHARE * total:
            raise DataError(f"{where}: {self.count:,} of {total:,} rows cannot be read: {named}{more}. {self._remedy}")
        rows = "row is" if self.count == 1 else "rows are"
        text = f"{self.count:,} {rows} left out of {total:,}: {named}{more}"
        return [Finding("bad-row", "warning", where, text)]
