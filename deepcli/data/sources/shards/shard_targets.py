"""The targets of records: classes, labels, levels or numbers, as their values and the task say."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from deepcli.data.schema import Schema, Target, TargetKind
from deepcli.data.sources.class_numbers import UNLABELLED, class_numbers, known_numbers
from deepcli.data.sources.naming import natural
from deepcli.data.sources.shards.shard_fields import Label
from deepcli.errors import DataError

Where = Callable[[int], str]


def targets_of(
    values: Sequence[Label],
    field: str,
    names: Sequence[str],
    reads: TargetKind | None,
    known: Schema | None,
    source: str,
    where: Where,
) -> tuple[Target, list[Any]]:
    """Return what is predicted, and the target of each record as `Gathered` has them.

    Args:
        values: The value of the target's field in each record.
        field: The field.
        names: Names of the classes by number, where a file has them.
        reads: What the task reads it as; None: as its values are.
        known: The schema of a model, whose classes are used.
        source: Where the data are.
        where: Returns the place of a record.

    Raises:
        DataError: A value is of another kind, or the model has no such class.
    """
    kind = reads or (known.target.kind if known is not None else _kind(values))
    if kind == "numbers":
        return _numbers(values, field, known, source, where)
    if kind == "labels":
        return _labels(values, field, names, known, source, where)
    if kind == "inputs" and (not field or _kind(values) != "classes"):
        names_of_model = known.target.names if known is not None else ()
        return Target(kind="inputs", names=names_of_model, reason="the inputs themselves"), [UNLABELLED] * len(values)
    named = [_name(value, names, where(place)) for place, value in enumerate(values)]
    classes = _in_order(set(named), names)
    reason = f"the field {field!r}"
    if kind == "inputs":
        found = classes if known is None else known.target.names
        return Target(kind="inputs", names=found, reason=reason), known_numbers(named, found)
    if len(classes) < 2 and known is None:
        raise DataError(f"{source}: all its records have the class {classes[0]!r}; at least two are needed")
    classes, numbers = class_numbers(named, classes, known, source)
    return Target(kind=kind, names=classes, reason=reason), numbers


def _kind(values: Sequence[Label]) -> TargetKind:
    if any(
        isinstance(value, float) or (isinstance(value, list) and value and isinstance(value[0], float))
        for value in values
    ):
        return "numbers"
    return "labels" if any(isinstance(value, list) for value in values) else "classes"


def _name(value: Label, names: Sequence[str], place: str) -> str:
    """Return the name of a class."""
    if isinstance(value, list | float):
        raise DataError(
            f"{place}: its target is {value!r:.60}, not one class; set task: regression or task: multilabel"
        )
    if isinstance(value, str) or not names:
        return str(value)
    if not 0 <= value < len(names):
        raise DataError(f"{place}: its class is {value}, but there are names of {len(names)}; they are counted from 0")
    return names[value]


def _in_order(found: set[str], names: Sequence[str]) -> tuple[str, ...]:
    return tuple(names) if names and found <= set(names) else tuple(sorted(found, key=natural))


def _labels(
    values: Sequence[Label], field: str, names: Sequence[str], known: Schema | None, source: str, where: Where
) -> tuple[Target, list[Any]]:
    rows = [
        sorted({_name(one, names, where(place)) for one in (value if isinstance(value, list) else [value])})
        for place, value in enumerate(values)
    ]
    found = Counter(name for row in rows for name in row)
    labels = known.target.names if known is not None else _in_order(set(found), names)
    if strange := sorted(set(found) - set(labels)):
        raise DataError(f"{source}: the model has no label {strange[0]!r}; it has {', '.join(labels[:10])}")
    numbers = {name: number for number, name in enumerate(labels)}
    made = [tuple(sorted(numbers[name] for name in row)) for row in rows]
    return Target(kind="labels", names=labels, reason=f"the field {field!r}"), made


def _numbers(
    values: Sequence[Label], field: str, known: Schema | None, source: str, where: Where
) -> tuple[Target, list[Any]]:
    made: list[tuple[float, ...]] = []
    for place, value in enumerate(values):
        row = value if isinstance(value, list) else [value]
        if any(isinstance(one, str) or not math.isfinite(one) for one in row) or (made and len(row) != len(made[0])):
            raise DataError(
                f"{where(place)}: its target is {value!r:.60}; expected {len(made[0]) if made else 1} finite numbers, as in "
                "the first record"
            )
        made.append(tuple(map(float, row)))
    width = len(made[0])
    names = (field,) if width == 1 else tuple(f"{field}_{place}" for place in range(width))
    if known is not None:
        if len(known.target.names) != width:
            raise DataError(f"{source}: has {width} numbers to predict; the model predicts {len(known.target.names)}")
        return known.target, made
    return Target(kind="numbers", names=names, reason=f"the field {field!r}"), made
