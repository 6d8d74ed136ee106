"""Reads Excel workbooks: values only, formulas are never calculated."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from deepcli.data.sources.findings import Finding
from deepcli.data.sources.tables.bad_rows import BadRows
from deepcli.data.sources.tables.header_names import with_names
from deepcli.data.sources.tables.json_table import plain_text
from deepcli.data.sources.tables.quoted_rows import Records
from deepcli.data.sources.tables.table_bytes import check_workbook
from deepcli.data.sources.tables.table_options import Table, TableOptions, listed
from deepcli.errors import DataError
from deepcli.system import extras


def read_workbook(path: Path, options: TableOptions) -> Table:
    """Read one sheet of a workbook, as its program calculated it last.

    Raises:
        UsageError: openpyxl is not installed.
        DataError: The workbook is damaged, or has no such sheet or no rows.
    """
    extras.demand(f"{path}:", ("openpyxl",), "tables")
    check_workbook(path)
    import openpyxl

    try:
        values = openpyxl.load_workbook(path, read_only=True, data_only=True)
        formulas = openpyxl.load_workbook(path, read_only=True, data_only=False)
        sheet, findings = _sheet(path, values.sheetnames, options.sheet)
        rows = list(values[sheet].iter_rows(values_only=True))
        findings += _uncalculated(path, rows, formulas[sheet].iter_rows(values_only=True))
        values.close()
        formulas.close()
    except DataError:
        raise
    except Exception as error:  # it raises whatever the XML inside leads it to
        raise DataError(f"{path}: cannot be read as an Excel workbook: {error}; save it anew, or as .csv") from None
    layout = {"format": "xlsx", "packed": "", "sheet": sheet, "header": options.header}
    return with_names(path, _records(path, rows), layout, findings)


def _sheet(path: Path, names: Sequence[str], wanted: str | int | None) -> tuple[str, list[Finding]]:
    if not names:
        raise DataError(f"{path}: has no sheets")
    if wanted is None:
        if len(names) == 1:
            return names[0], []
        text = f"the sheet {names[0]!r} is read, the first of {listed(names)}; write sheet: NAME for another"
        return names[0], [Finding("first-sheet", "note", str(path), text)]
    if isinstance(wanted, int) and not isinstance(wanted, bool) and 1 <= wanted <= len(names):
        return names[wanted - 1], []
    if wanted in names:
        return str(wanted), []
    raise DataError(f"{path}: no sheet {wanted!r}; its sheets are {listed(names)}")


def _uncalculated(path: Path, rows: Sequence[Sequence[Any]], formulas: Iterable[Sequence[Any]]) -> list[Finding]:
    """Tell of formulas without a value: they read as missing."""
    lines = [
        line
        for line, (values, written) in enumerate(zip(rows, formulas, strict=False), 1)
        for value, formula in zip_longest(values, written)
        if value is None and isinstance(formula, str) and formula.startswith("=")
    ]
    if not lines:
        return []
    text = f"{len(lines):,} formulas have no calculated value and count as missing; open and save the file in Excel"
    return [Finding("formula-without-value", "warning", f"{path}:{lines[0]}", text)]


def _records(path: Path, rows: Sequence[Sequence[Any]]) -> Records:
    """Return rows as text, as wide as the widest; lines are the numbers of rows in the sheet."""
    width = max((k for row in rows for k, value in enumerate(row, 1) if value is not None), default=0)
    found = Records(BadRows(path, ""))
    for line, row in enumerate(rows, 1):
        texts = [plain_text(value, f"{path}:{line}") or "" for value in row[:width]]
        if any(texts):
            found.rows.append(texts + [""] * (width - len(texts)))
            found.lines.append(line)
    return found
