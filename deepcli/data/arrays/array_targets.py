"""Turns own arrays into targets: classes, labels, levels or numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from deepcli.data.arrays.array_inputs import Named
from deepcli.data.schema import MAX_CLASSES, TargetKind
from deepcli.data.sources.class_numbers import UNLABELLED
from deepcli.data.sources.findings import Finding
from deepcli.errors import DataError

FEW_VALUES = 20
"""Numbers with at most this number of different values may be classes."""
SHOWN = 5


@dataclass(frozen=True)
class ArrayTargets:
    """The targets of all splits of a file.

    Attributes:
        kind: `classes`, `labels`, `levels` or `numbers`.
        names: Names of classes, labels or levels in the order of their numbers; names of the numbers.
        splits: int32 (n,) for classes and levels, uint8 (n, labels), or float32 (n, numbers), by split.
        reason: Why they are of this kind.
        findings: What may be otherwise than meant.
    """

    kind: TargetKind
    names: tuple[str, ...]
    splits: dict[str, np.ndarray]
    reason: str
    findings: tuple[Finding, ...] = ()


def targets_of(parts: dict[str, Named], kind: TargetKind | None) -> ArrayTargets:
    """Read the targets of a file.

    Args:
        parts: The array of each split; `train` is among them.
        kind: What they are; None finds it by dtype and shape.

    Raises:
        DataError: They are missing or not finite, have one value only, differ between splits, or may be of several kinds.
    """
    parts = {split: _column(part) for split, part in parts.items()}
    first = parts["train"]
    for part in parts.values():
        if part.array.shape[1:] != first.array.shape[1:]:
            part.fail(
                f"its shape is {part.array.shape}",
                f"that of {first.name!r} is {first.array.shape}; save the same width",
            )
    if first.array.ndim == 2:
        return _of_rows(parts, kind)
    if kind == "labels":
        first.fail(f"its shape is {first.array.shape}", "labels are (n, labels) of 0 and 1")
    if kind == "numbers":
        return _numbers(parts, "as the task says")
    return _of_values(parts, kind)


def no_labels(counts: dict[str, int]) -> ArrayTargets:
    """Return the targets of inputs that are predicted themselves and have no classes besides.

    Args:
        counts: Number of examples of each split.
    """
    splits = {split: np.full(count, UNLABELLED, np.int32) for split, count in counts.items()}
    return ArrayTargets("inputs", (), splits, "the inputs themselves")


def labels_besides(parts: dict[str, Named]) -> ArrayTargets:
    """Return the targets of inputs that are predicted themselves, with the classes of an array besides, if it has such."""
    try:
        found = targets_of(parts, None)
    except DataError:
        found = None
    if found is None or found.kind != "classes":
        return no_labels({split: len(part.array) for split, part in parts.items()})
    return replace(found, kind="inputs", findings=())


def _column(y: Named) -> Named:
    array = y.array
    if array.ndim not in (1, 2) or not array.size:
        y.fail(f"its shape is {array.shape}", "save one target for each example, (n,), or one row, (n, targets)")
    if array.dtype.kind not in "biufSU":
        y.fail(f"it is {array.dtype}", "save integers, real numbers or strings")
    if array.dtype.kind == "S":
        try:
            array = np.char.decode(array, "utf-8")
        except UnicodeDecodeError:
            y.fail("its strings are not UTF-8", "save them as str")
    return Named(y.file, y.name, array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array)


def _of_values(parts: dict[str, Named], kind: TargetKind | None) -> ArrayTargets:
    first = parts["train"]
    whole = np.concatenate([part.array for part in parts.values()])
    if whole.dtype.kind == "f":
        _demand_finite(parts)
        values = np.unique(whole)
        if kind is None and not (len(values) == 2 and (values == np.trunc(values)).all()):
            return _numbers(parts, "real numbers", _maybe_classes(first, values))
    values, codes = np.unique(whole, return_inverse=True)
    if whole.dtype.kind in "iu" and kind is None and len(values) > max(FEW_VALUES, len(whole) // 3):
        first.fail(
            f"it has {len(values):,} different integers for {len(whole):,} examples, numbers or many classes",
            "set task: regression or task: classification",
        )
    if len(values) < 2:
        first.fail(f"all its values are {values[0]!s:.40}", "there is nothing to learn; at least two values are needed")
    if len(values) > MAX_CLASSES:
        first.fail(f"it has {len(values):,} different values", f"at most {MAX_CLASSES:,} classes are supported")
    if whole.dtype.kind == "U" and (values == "").any():
        row = int(np.flatnonzero(whole == "")[0])
        first.fail(f"the target of example {row} is an empty string", "leave such examples out, or name their class")
    ends = np.cumsum([len(part.array) for part in parts.values()])[:-1]
    names = tuple(_name(value) for value in values)
    splits = dict(zip(parts, np.split(codes.astype(np.int32), ends), strict=True))
    findings = _unseen(parts, splits, names)
    return ArrayTargets(kind or "classes", names, splits, f"{len(values):,} different values", findings)


def _of_rows(parts: dict[str, Named], kind: TargetKind | None) -> ArrayTargets:
    first = parts["train"]
    if first.array.dtype.kind == "U":
        first.fail(f"it has strings with the shape {first.array.shape}", "save one class for each example, (n,)")
    if kind == "levels":
        first.fail(f"its shape is {first.array.shape}", "save one level for each example, (n,)")
    _demand_finite(parts)
    binary = all(((part.array == 0) | (part.array == 1)).all() for part in parts.values())
    one_hot = binary and all((part.array.sum(axis=1) == 1).all() for part in parts.values())
    names = tuple(map(str, range(first.array.shape[1])))
    if one_hot and kind in (None, "classes"):
        splits = {split: part.array.argmax(axis=1).astype(np.int32) for split, part in parts.items()}
        if len(np.unique(np.concatenate(list(splits.values())))) < 2:
            first.fail(
                "all its rows have the 1 in the same column", "there is nothing to learn; two classes are needed"
            )
        return ArrayTargets("classes", names, splits, "one-hot rows", _unseen(parts, splits, names))
    if kind == "classes":
        first.fail("its rows are not one-hot", "save class numbers, such as y.argmax(axis=1), or set task: multilabel")
    if binary and kind in (None, "labels"):
        rows = {split: part.array.astype(np.uint8) for split, part in parts.items()}
        return ArrayTargets("labels", names, rows, "rows of 0 and 1 with several or no labels")
    if kind == "labels":
        first.fail("it has values other than 0 and 1", "labels are (n, labels) of 0 and 1")
    return _numbers(parts, f"rows of {first.array.shape[1]} numbers")


def _numbers(parts: dict[str, Named], reason: str, findings: tuple[Finding, ...] = ()) -> ArrayTargets:
    first = parts["train"]
    if first.array.dtype.kind == "U":
        first.fail("it holds strings", "numbers are wanted; save numbers, or set task: classification")
    _demand_finite(parts)
    with np.errstate(over="ignore"):  # noticed below
        rows = {split: part.array.reshape(len(part.array), -1).astype(np.float32) for split, part in parts.items()}
    for split, part in parts.items():
        if not np.isfinite(rows[split]).all():
            part.fail("it has values too large for float32", "scale the targets")
    constant = np.flatnonzero((rows["train"] == rows["train"][:1]).all(axis=0))
    if len(constant):
        value = rows["train"][0, constant[0]]
        first.fail(f"all values of target {constant[0]} are {value:g}", "there is nothing to learn; leave it out")
    width = rows["train"].shape[1]
    names = (first.name,) if width == 1 else tuple(f"{first.name}_{place}" for place in range(width))
    return ArrayTargets("numbers", names, rows, reason, findings)


def _demand_finite(parts: dict[str, Named]) -> None:
    for part in parts.values():
        if part.array.dtype.kind == "f" and not (finite := np.isfinite(part.array)).all():
            row = int(np.nonzero(~finite)[0][0])
            count = int((~finite).sum())
            part.fail(
                f"{count:,} of its {part.array.size:,} values are NaN or infinite, the first in row {row}",
                "leave such examples out",
            )


def _maybe_classes(y: Named, values: np.ndarray) -> tuple[Finding, ...]:
    if len(values) > FEW_VALUES or not (values == np.trunc(values)).all():
        return ()
    text = f"{len(values)} different whole numbers stored as {y.array.dtype} are read as numbers; save integers for classes"
    return (Finding("maybe-classes", "warning", f"{y.file}: {y.name}", text),)


def _unseen(parts: dict[str, Named], splits: dict[str, np.ndarray], names: tuple[str, ...]) -> tuple[Finding, ...]:
    """Report classes of other splits that training lacks."""
    trained = set(splits["train"].tolist())
    found = []
    for split, codes in splits.items():
        if odd := sorted(set(codes.tolist()) - trained):
            listed = ", ".join(names[code] for code in odd[:SHOWN]) + (", …" if len(odd) > SHOWN else "")
            where = f"{parts[split].file}: {parts[split].name}"
            found.append(Finding("class-not-trained", "warning", where, f"has classes that training lacks: {listed}"))
    return tuple(found)


def _name(value: np.generic) -> str:
    whole = value.dtype.kind == "f" and value == np.trunc(value)
    return str(int(value)) if whole else str(value.item())
