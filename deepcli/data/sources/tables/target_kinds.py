"""What kind of target columns hold: classes, labels, numbers or ordered levels, by rules or as the task says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from deepcli.data.schema import Column, Target, TargetKind
from deepcli.data.sources.tables.column_facts import ColumnFacts
from deepcli.data.sources.tables.column_overrides import as_given
from deepcli.data.sources.tables.column_types import find_column
from deepcli.data.sources.tables.label_lists import find_lists, split_labels
from deepcli.data.sources.tables.numerals import to_numbers
from deepcli.data.sources.tables.table_options import Table, listed, quoted
from deepcli.data.sources.tables.target_reading import ReadTarget, is_positive, number_name, read_target
from deepcli.errors import DataError

MOST_CODES = 20
"""Whole numbers 0 to k - 1 are classes up to this k."""
MANY_CLASSES = 20
LEADING_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


def find_target(
    table: Table, names: Sequence[str], wanted: TargetKind | None = None, given: Mapping[str, str] | None = None
) -> ReadTarget:
    """Find what kind of target columns hold, and read it.

    Args:
        table: The table.
        names: The columns of the target.
        wanted: The kind that a task needs, if the user says the task; the target is then read so, or refused.
        given: Types by name of column that the user says.

    Raises:
        DataError: There is no such column, the target has one value or too many, or does not fit the task.
    """
    if not names or len(set(names)) < len(names):
        raise DataError(f"{table.path}: target: {'no column' if not names else 'a column is named twice'}")
    facts = [ColumnFacts.of(table, table.position(name)) for name in names]
    types = [as_given(each, given[each.name]) if given and each.name in given else find_column(each) for each in facts]
    for each in facts:
        if not each.words:
            raise DataError(f"{table.path}: target {quoted(each.name)} has no values; choose another column")
    target = _single(facts[0], types[0], wanted) if len(facts) == 1 else _several(facts, types, wanted)
    return read_target(table, target)


def _several(facts: Sequence[ColumnFacts], types: Sequence[Column], wanted: TargetKind | None) -> Target:
    names = tuple(each.name for each in facts)
    odd = [each for each in facts if any(is_positive(value) is None for value in each.figures)]
    if wanted == "labels" or (wanted is None and not odd):
        if odd:
            value = next(value for value in odd[0].figures if is_positive(value) is None)
            raise DataError(f"{odd[0].place(value)}: {quoted(value)} is neither 0 nor 1, as columns of labels are")
        reason = f"{len(names)} columns of 0 and 1; for numbers, write task: regression"
        return Target(kind="labels", columns=names, names=names, reason=reason, written=("",) * len(names))
    if wanted in ("classes", "levels"):
        raise DataError(
            f"{facts[0].table.path}: target: {listed(names)}: classes and levels are in one column; name one"
        )
    found = [
        kind if kind.type == "number" else as_given(each, "number") for each, kind in zip(facts, types, strict=True)
    ]
    reason = f"{len(names)} columns of numbers"
    return Target(
        kind="numbers", columns=names, names=names, reason=reason, written=tuple(each.written for each in found)
    )


def _single(facts: ColumnFacts, column: Column, wanted: TargetKind | None) -> Target:
    if wanted == "numbers":
        return _numbers(facts, column if column.type == "number" else as_given(facts, "number"))
    if wanted == "labels":
        return _labels(facts, find_lists({value: facts.counts[value] for value in facts.words}, demanded=True))
    if column.type in ("date", "image"):
        raise DataError(
            f"{facts.table.path}: target {quoted(facts.name)} is a column of type {column.type}; choose another"
        )
    if column.type == "number":
        values = sorted(set(to_numbers(facts.figures, column.written)))
        if wanted is None and not are_classes(values):
            return _numbers(facts, column)
        return _numbered(facts, column, values, wanted or "classes")
    if wanted is None:
        lists = find_lists({value: facts.counts[value] for value in facts.words})
        if lists:
            return _labels(facts, lists)
    return _worded(facts, wanted or "classes")


def are_classes(values: Sequence[float]) -> bool:
    """Return whether different numbers, in order, are classes: 0 to k - 1, or two of any."""
    return len(values) == 2 or (2 <= len(values) <= MOST_CODES and list(values) == list(range(len(values))))


def _numbers(facts: ColumnFacts, column: Column) -> Target:
    values = to_numbers(facts.figures, column.written)
    few = "; for classes, write task: classification, for ordered levels task: ordinal" if len(values) <= 100 else ""
    reason = (
        f"{len(set(values)):,} different numbers from {number_name(min(values))} to {number_name(max(values))}{few}"
    )
    names = (facts.name,)
    return Target(kind="numbers", columns=names, names=names, reason=reason, written=(column.written,))


def _numbered(facts: ColumnFacts, column: Column, values: Sequence[float], kind: TargetKind) -> Target:
    _demand_few(facts, len(values), facts.present(True))
    names = tuple(map(number_name, values))
    other = "; for numbers, write task: regression"
    reason = f"the {len(values)} numbers {listed(names, 5)} are {'classes' if kind == 'classes' else 'levels'}{other}"
    return Target(
        kind=kind, columns=(facts.name,), names=names, reason=reason, written=(f"number {column.written}".strip(),)
    )


def _worded(facts: ColumnFacts, kind: TargetKind) -> Target:
    _demand_few(facts, len(facts.words), facts.present())
    names = sorted(facts.words)
    if kind == "levels":
        found = [LEADING_NUMBER.match(name) for name in names]
        if not all(found) or len({float(each.group()) for each in found if each}) < len(names):
            raise DataError(
                f"{facts.table.path}: target {quoted(facts.name)}: the order of the levels {listed(names, 5)} is not known; "
                "write them as numbers, or begin each with its number, such as '1 low', '2 high'"
            )
        names.sort(key=lambda name: float(LEADING_NUMBER.match(name).group()))  # type: ignore[union-attr]
    reason = f"{len(names)} different words, such as {listed(names, 3)}"
    return Target(kind=kind, columns=(facts.name,), names=tuple(names), reason=reason, written=("",))


def _labels(facts: ColumnFacts, written: str | None) -> Target:
    if written is None:
        raise DataError(
            f"{facts.table.path}: target {quoted(facts.name)} holds no lists of labels (separated by ; | or , or as JSON); "
            "write task: classification, or name several columns of 0 and 1"
        )
    names = {label for value in facts.words for label in split_labels(value, written)}
    whole = all(name.isascii() and name.isdigit() for name in names)
    ordered = sorted(names, key=(lambda name: (int(name), name)) if whole else None)
    how = "as JSON" if written == "json" else f"separated by {written!r}"
    reason = f"lists of {len(names)} labels, {how}; to take each list as one class, write task: classification"
    return Target(kind="labels", columns=(facts.name,), names=tuple(ordered), reason=reason, written=(written,))


def too_many_classes(different: int, rows: int) -> bool:
    """Return whether values differ too much to be classes: most occur once."""
    return different > 2 and (different == rows or (different > MANY_CLASSES and 2 * different > rows))


def _demand_few(facts: ColumnFacts, different: int, rows: int) -> None:
    if too_many_classes(different, rows):
        raise DataError(
            f"{facts.table.path}: target {quoted(facts.name)} has {different:,} different values in {rows:,} rows: they are "
            "not classes; choose another column, or write task: regression if they are numbers"
        )
