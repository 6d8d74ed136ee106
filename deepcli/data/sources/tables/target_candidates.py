"""Columns that could be the target of a table: it is never chosen in silence."""

from __future__ import annotations

from collections.abc import Sequence

from deepcli.data.schema import Column
from deepcli.data.sources.tables.column_facts import ColumnFacts
from deepcli.data.sources.tables.label_lists import find_lists, split_labels
from deepcli.data.sources.tables.numerals import to_numbers
from deepcli.data.sources.tables.table_options import Table
from deepcli.data.sources.tables.target_kinds import are_classes, too_many_classes

MOST_CLASSES = 100


def target_candidates(table: Table, columns: Sequence[Column]) -> list[tuple[str, str]]:
    """Return the columns that could be a target, each with the reason, in the order of the table.

    Identifiers, free text, dates, pictures and columns of one value are not among them.
    """
    found = []
    for column in columns:
        reason = "" if column.identifier else _reason(ColumnFacts.of(table, table.position(column.name)), column)
        if reason:
            found.append((column.name, reason))
    return found


def _reason(facts: ColumnFacts, column: Column) -> str:
    if column.type == "number":
        values = sorted(set(to_numbers(facts.figures, column.written)))
        if len(values) < 2:
            return ""
        return f"{len(values)} classes" if are_classes(values) else f"{len(values):,} different numbers"
    if column.type not in ("category", "text") or len(facts.words) < 2:
        return ""
    written = find_lists({value: facts.counts[value] for value in facts.words})
    if written:
        return f"lists of {len({label for value in facts.words for label in split_labels(value, written)})} labels"
    few = len(facts.words) <= MOST_CLASSES and not too_many_classes(len(facts.words), facts.present())
    return f"{len(facts.words)} classes" if column.type == "category" and few else ""
