"""Reads own arrays: finds inputs and targets in a file by their names, and what they are by shape and dtype."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from deepcli.data.arrays.array_inputs import ArrayKind, Named, inputs_of, kind_of, loses_digits
from deepcli.data.arrays.array_stores import open_store
from deepcli.data.arrays.array_targets import ArrayTargets, labels_besides, no_labels, targets_of
from deepcli.data.arrays.splits import Inputs, Tokens
from deepcli.data.arrays.stored_arrays import ArrayStore, Described
from deepcli.data.schema import Kind, TargetKind
from deepcli.data.sources.findings import Finding
from deepcli.errors import DataError

X_NAMES = ("x", "data", "image", "images", "feature", "features", "input", "inputs")
Y_NAMES = ("y", "label", "labels", "target", "targets")
SPLIT_WORDS = {
    "train": "train", "training": "train",
    "val": "validation", "valid": "validation", "validation": "validation", "dev": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip
WHOLE = "train"
"""The key of examples that the file does not divide into splits."""
LISTED = 20


@dataclass(frozen=True)
class ArrayFile:
    """Inputs and targets of a file of arrays.

    Attributes:
        kind: What the inputs are.
        shape: Shape of one input: (height, width, channels), (columns,), or (longest,) for token ids.
        inputs: By split; `train` alone if the file does not divide its examples.
        targets: The targets of the same splits.
        names: The array of each role and split, such as {"train": ("x_train", "y_train")}.
        vocabulary: Token ids are below this number; None for other inputs.
        findings: What was left out, and what may be otherwise than meant.
    """

    kind: Kind
    shape: tuple[int, ...]
    inputs: dict[str, Inputs]
    targets: ArrayTargets
    names: dict[str, tuple[str, str]]
    vocabulary: int | None
    findings: tuple[Finding, ...]


def open_arrays(
    path: Path, x: str | None = None, y: str | None = None, kind: ArrayKind = "auto", target: TargetKind | None = None
) -> ArrayFile:
    """Open a `.npz`, `.npy` or HDF5 file of inputs and targets.

    Args:
        path: The file. Large arrays in it are mapped into memory if they are not compressed.
        x: Name of the inputs; None finds them by the usual names, also in pairs such as `x_train` and `y_train`.
        y: Name of the targets, or of a `.npy` file beside the first one; None finds them by the usual names.
        kind: What the inputs are; `auto` finds it by shape and dtype, never as token ids.
        target: What the targets are; None finds it by dtype and shape.

    Raises:
        DataError: A file or array is missing, damaged or holds objects, or cannot be converted without loss.
    """
    store = open_store(path)
    if target == "inputs" and (alone := inputs_alone(store, x, y)) is not None:
        return _unlabelled(store, alone, kind)
    beside = _targets_beside(path, y)
    pairs, findings = ({WHOLE: (path.stem, beside.path.stem)}, []) if beside else _pairs(store, x, y)
    xs = {split: Named(str(path), names[0], store.read(names[0])) for split, names in pairs.items()}
    source = beside or store
    ys = {split: Named(str(source.path), names[1], source.read(names[1])) for split, names in pairs.items()}
    found = kind_of(xs[WHOLE], kind)
    for split, part in xs.items():
        rows = [len(one.array) if one.array.ndim else 1 for one in (part, ys[split])]
        if rows[0] != rows[1]:
            part.fail(
                f"it has {rows[0]:,} examples", f"{ys[split].name!r} has {rows[1]:,}; save one target for each example"
            )
    inputs = {split: inputs_of(part, found) for split, part in xs.items()}
    shape = _shape(xs, inputs)
    for part in xs.values():
        findings += _doubts(part, found, kind)
    targets = labels_besides(ys) if target == "inputs" else targets_of(ys, target)
    vocabulary = _vocabulary(inputs.values()) if found == "tokens" else None
    return ArrayFile(found, shape, inputs, targets, pairs, vocabulary, (*findings, *targets.findings))


def inputs_alone(store: ArrayStore, x: str | None, y: str | None) -> dict[str, str] | None:
    """Return the arrays of inputs by split if a file has no targets; None if it has."""
    if y is not None or _candidates(store.arrays, Y_NAMES) or _named_splits(store.arrays, Y_NAMES):
        return None
    if x is None and "train" in (found := _named_splits(store.arrays, X_NAMES)):
        return {split: found[split] for split in ("train", "validation", "test") if split in found}
    only = x if x is not None or len(store.arrays) > 1 else next(iter(store.arrays), None)
    return {WHOLE: _one(store, only, "x", X_NAMES)}


def _unlabelled(store: ArrayStore, names: Mapping[str, str], kind: ArrayKind) -> ArrayFile:
    """Read inputs that have no targets."""
    xs = {split: Named(str(store.path), name, store.read(name)) for split, name in names.items()}
    found = kind_of(xs[WHOLE], kind)
    inputs = {split: inputs_of(part, found) for split, part in xs.items()}
    findings = [doubt for part in xs.values() for doubt in _doubts(part, found, kind)]
    targets = no_labels({split: len(part) for split, part in inputs.items()})
    pairs = {split: (name, "") for split, name in names.items()}
    return ArrayFile(found, _shape(xs, inputs), inputs, targets, pairs, None, tuple(findings))


def _targets_beside(path: Path, y: str | None) -> ArrayStore | None:
    """Open the second file of a pair of `.npy` files."""
    if path.suffix.lower() != ".npy":
        return None
    if y is None or not y.lower().endswith(".npy"):
        raise DataError(f"{path}: holds one array, the inputs; name the file of the targets, such as y: labels.npy")
    return open_store(path.parent / Path(y).expanduser())


def _pairs(store: ArrayStore, x: str | None, y: str | None) -> tuple[dict[str, tuple[str, str]], list[Finding]]:
    """Return the names of inputs and targets by split, and which inputs have no targets."""
    if x is None and y is None:
        xs, ys = _named_splits(store.arrays, X_NAMES), _named_splits(store.arrays, Y_NAMES)
        plain = [_candidates(store.arrays, names) for names in (X_NAMES, Y_NAMES)]
        if xs and plain[0] and plain[1]:
            both = ", ".join((*plain[0], *xs.values()))
            raise DataError(f"{store.path}: several arrays may be the inputs: {both}; choose with x: NAME and y: NAME")
        if "train" in xs:
            return _divided(store, xs, ys)
    return {WHOLE: (_one(store, x, "x", X_NAMES), _one(store, y, "y", Y_NAMES))}, []


def _divided(
    store: ArrayStore, xs: Mapping[str, str], ys: Mapping[str, str]
) -> tuple[dict[str, tuple[str, str]], list[Finding]]:
    if "train" not in ys:
        raise DataError(f"{store.path}: has {xs['train']} but no targets for it, such as y_train; {_listed(store)}")
    if lonely := [name for split, name in ys.items() if split not in xs]:
        raise DataError(f"{store.path}: has {lonely[0]} but no inputs for it; {_listed(store)}")
    left_out = [
        Finding("no-targets", "warning", f"{store.path}: {name}", "has no targets and is left out")
        for split, name in xs.items()
        if split not in ys
    ]
    order = [split for split in ("train", "validation", "test") if split in xs and split in ys]
    return {split: (xs[split], ys[split]) for split in order}, left_out


def _one(store: ArrayStore, name: str | None, role: str, usual: tuple[str, ...]) -> str:
    if name is not None:
        if name not in store.arrays:
            raise DataError(f"{store.path}: has no array {name!r}; {_listed(store)}")
        return name
    found = _candidates(store.arrays, usual)
    if len(found) > 1:
        raise DataError(f"{store.path}: several arrays may be {role}: {', '.join(found)}; choose with {role}: NAME")
    if not found:
        raise DataError(
            f"{store.path}: no array has a usual name for {role}; {_listed(store)}; choose with {role}: NAME"
        )
    return found[0]


def _candidates(arrays: Mapping[str, Described], usual: tuple[str, ...]) -> list[str]:
    return [name for name in arrays if name.lower() in usual]


def _named_splits(arrays: Mapping[str, Described], usual: tuple[str, ...]) -> dict[str, str]:
    """Return the arrays whose names are a split and a usual name, such as `x_train`, `train/images` or `testY`, by split.

    Raises:
        DataError: Two arrays are for one split.
    """
    found: dict[str, list[str]] = defaultdict(list)
    for name in arrays:
        words = [word for word in re.split(r"[^a-z0-9]+", name.lower()) if word and word != "set"]
        if len(words) == 1:  # written together, with one letter for the role: xtrain, trainX
            words = next((list(match.groups()) for match in map(re.fullmatch, _TOGETHER, words * 2) if match), words)
        roles = [word for word in words if word in usual]
        splits = [SPLIT_WORDS[word] for word in words if word in SPLIT_WORDS]
        if len(words) == 2 and len(roles) == len(splits) == 1:
            found[splits[0]].append(name)
    for split, names in found.items():
        if len(names) > 1:
            raise DataError(
                f"several arrays may be of the {split} split: {', '.join(names)}; choose with x: NAME and y: NAME"
            )
    return {split: names[0] for split, names in found.items()}


_TOGETHER = (rf"([xy])({'|'.join(SPLIT_WORDS)})", rf"({'|'.join(SPLIT_WORDS)})([xy])")


def _shape(xs: Mapping[str, Named], inputs: Mapping[str, Inputs]) -> tuple[int, ...]:
    if isinstance(inputs[WHOLE], Tokens):
        return (max(int(part.lengths.max()) for part in inputs.values() if isinstance(part, Tokens)),)
    shapes = {split: part.shape[1:] for split, part in inputs.items() if not isinstance(part, Tokens)}
    for split, shape in shapes.items():
        if shape != shapes[WHOLE]:
            wanted = f"that of {xs[WHOLE].name!r} is {shapes[WHOLE]}; all splits need the same shape"
            xs[split].fail(f"the shape of an example is {shape}", wanted)
    return tuple(shapes[WHOLE])


def _vocabulary(inputs: Iterable[Inputs]) -> int:
    """Return the number that all token ids are below."""
    pieces = (piece for part in inputs if isinstance(part, Tokens) for piece in part.pieces())
    return max(int(piece.values.max()) for piece in pieces) + 1


def _doubts(x: Named, found: Kind, kind: ArrayKind) -> list[Finding]:
    """Report inputs that may be something else than they are read as."""
    where, doubts = f"{x.file}: {x.name}", []
    if found == "features" and loses_digits(x):
        text = "has whole numbers above 16,777,216, which are rounded in float32; leave identifiers out"
        doubts.append(Finding("rounded", "warning", where, text))
    if found == "features" and kind == "auto" and x.array.ndim == 2 and x.array.dtype.kind in "iu":
        text = "integers are read as numbers; say kind: tokens if they are token ids"
        doubts.append(Finding("maybe-tokens", "note", where, text))
    return doubts


def _listed(store: ArrayStore) -> str:
    shown = ", ".join(f"{name} {described}" for name, described in list(store.arrays.items())[:LISTED])
    return f"it has {shown or 'no arrays'}{', …' if len(store.arrays) > LISTED else ''}"
