"""Classes of the rows of a table whose inputs are predicted themselves: they are left out of the inputs, and optional."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from deepcli.data.schema import Target
from deepcli.data.sources.class_numbers import UNLABELLED
from deepcli.data.sources.tables.table_options import Table
from deepcli.data.sources.tables.target_kinds import find_target
from deepcli.data.sources.tables.target_reading import ReadTarget, read_codes

REASON = "the inputs themselves"


def labels_of_rows(table: Table, target: Sequence[str] | Target, given: Mapping[str, str] | None = None) -> ReadTarget:
    """Return the rows of a table with the classes that a column of it says, if it holds classes.

    Args:
        table: The table.
        target: The columns that are left out of the inputs, of which a single one may hold classes; or what was found
            before, perhaps in another table.
        given: Types by name of column that the user says.

    Raises:
        DataError: The column does not exist.
    """
    known = target if isinstance(target, Target) else _found(table, target, given)
    rows = list(range(len(table.lines)))
    there = known.names and all(name in table.names for name in known.columns)
    codes = read_codes(table, known) if there else [UNLABELLED] * len(rows)
    return ReadTarget("inputs", known.columns, known.names, codes, rows, REASON, known.written, [])


def _found(table: Table, names: Sequence[str], given: Mapping[str, str] | None) -> Target:
    """Return what columns hold that are named as the target: classes if it is one column of them."""
    unlabelled = Target(kind="inputs", columns=tuple(names), reason=REASON)
    if not names:
        return unlabelled
    found = find_target(table, names, None, given).target
    if found.kind != "classes":
        return unlabelled
    return found.model_copy(update={"kind": "inputs", "reason": REASON})
