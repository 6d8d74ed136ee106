"""Numbers of classes by their names: found in the data, or those of the model that reads them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from deepcli.data.schema import Schema, TargetKind
from deepcli.errors import DataError
from deepcli.spec.spelling import did_you_mean

SHOWN = 10
UNLABELLED = -1
"""The number of the class of an example that has none, where inputs are predicted."""


def class_numbers(
    labels: Sequence[str], names: Sequence[str], known: Schema | None, source: str
) -> tuple[tuple[str, ...], list[int]]:
    """Return the names of all classes, and the number of each example's class.

    Args:
        labels: The name of each example's class.
        names: The names of the classes in these data, in order.
        known: The schema of a model, whose classes are used; None for those of the data.
        source: Where the data are, for messages.

    Raises:
        DataError: The model has no class of some name.
    """
    classes = tuple(names) if known is None else known.target.names
    numbers = {name: number for number, name in enumerate(classes)}
    strange = Counter(label for label in labels if label not in numbers)
    if strange:
        told = ", ".join(f"{name!r} ({count:,})" for name, count in list(strange.items())[:SHOWN])
        near = did_you_mean(next(iter(strange)), classes)
        raise DataError(
            f"{source}: the model has no class {told}; {near}it has {', '.join(classes[:SHOWN])}"
            f"{' and more' if len(classes) > SHOWN else ''}; leave these examples out, or train a new model with them"
        )
    return classes, [numbers[label] for label in labels]


def known_numbers(labels: Sequence[str], names: Sequence[str]) -> list[int]:
    """Return the number of each example's class, -1 where it has none that is known.

    Where inputs are predicted, classes only colour pictures, so that examples of other classes are as welcome.
    """
    numbers = {name: number for number, name in enumerate(names)}
    return [numbers.get(label, UNLABELLED) for label in labels]


def class_kind(reads: TargetKind | None, source: str) -> TargetKind:
    """Return the kind of target that folders of classes hold.

    Raises:
        DataError: The task needs another kind.
    """
    if reads in ("labels", "numbers"):
        what = "several labels" if reads == "labels" else "numbers"
        raise DataError(f"data: a {source} has one class for each example, but the task predicts {what}; use a table")
    return reads or "classes"
