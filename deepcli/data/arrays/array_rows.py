"""Examples of own arrays: joined over their splits, keyed by content, described and standardized."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deepcli.data.arrays.array_files import ArrayFile, open_arrays
from deepcli.data.arrays.array_inputs import ArrayKind
from deepcli.data.arrays.column_groups import columns_of
from deepcli.data.arrays.splits import Inputs, Tokens
from deepcli.data.arrays.stored_rows import stored_if_large
from deepcli.data.arrays.token_sequences import joined_tokens
from deepcli.data.schema import Column, Schema, Target, TargetKind
from deepcli.data.sources.class_numbers import class_numbers, known_numbers
from deepcli.data.sources.gathered import Gathered
from deepcli.data.sources.splitting import Divisible, label_strata
from deepcli.errors import DataError

if TYPE_CHECKING:
    from deepcli.data.array_file import ArraysDataset

TOKENS_LIMIT = 100_000_000
"""Ids from this number on cannot be a vocabulary."""


@dataclass(frozen=True)
class ArrayContent:
    """The inputs of all examples, and what they are."""

    file: ArrayFile
    inputs: Inputs


def gather_arrays(section: ArraysDataset, reads: TargetKind | None, known: Schema | None) -> Gathered:
    """List the examples of a file of arrays.

    Raises:
        DataError: The file cannot be used, or does not fit the model that will read it.
    """
    path = Path(section.place).expanduser()
    kind: ArrayKind = section.kind
    if known is not None and known.kind != "text" and known.kind != "series" and known.kind != "pairs":
        kind = known.kind
    file = open_arrays(path, section.x, section.y, kind, reads if known is None else known.target.kind)
    splits = list(file.inputs)
    inputs = _joined([file.inputs[name] for name in splits])
    y = np.concatenate([file.targets.splits[name] for name in splits])
    given = [name for name in splits for _ in range(len(file.targets.splits[name]))] if len(splits) > 1 else []
    if known is not None:
        _demand_fit(section.path, file, known)
    target, values = _targets(file, y, known, section.path)
    return Gathered(
        section.path,
        Divisible(_keys(inputs), _strata(target.kind, values), given),
        target,
        values,
        ArrayContent(file, inputs),
        file.findings,
        where=lambda place: _place(section.path, file, place),
    )


def _place(source: str, file: ArrayFile, place: int) -> str:
    """Return the array and the row of an example, counted from 0 as NumPy does."""
    for split, inputs in file.inputs.items():
        if place < len(inputs):
            return f"{source}: {file.names[split][0]}[{place}]"
        place -= len(inputs)
    raise IndexError(place)


def describe_arrays(gathered: Gathered, train: Sequence[int]) -> dict[str, Any]:
    """Return the fields of a schema of arrays, with statistics of the training examples."""
    content: ArrayContent = gathered.content
    file = content.file
    if file.kind == "tokens":
        assert file.vocabulary is not None
        return {"kind": "tokens", "shape": file.shape, "vocabulary": ("",) * file.vocabulary}
    if file.kind == "image":
        return {"kind": "image", "shape": file.shape}
    assert not isinstance(content.inputs, Tokens)
    found = columns_of(content.inputs, range(file.shape[0]), np.asarray(train, np.int64))
    columns = tuple(_column(k, values.astype(np.float64)) for k, values in enumerate(found))
    return {"kind": "features", "shape": file.shape, "columns": columns}


def _column(number: int, values: np.ndarray) -> Column:
    present = values[~np.isnan(values)]
    mean, scale = (float(present.mean()), float(present.std())) if len(present) else (0.0, 1.0)
    varies = len(present) > 0 and present.min() < present.max() and scale > 0
    missing = len(values) - len(present)
    return Column(name=f"x{number}", type="number", mean=mean, scale=scale if varies else 1.0, missing=missing)


def _joined(parts: Sequence[Inputs]) -> Inputs:
    if all(isinstance(part, Tokens) for part in parts):
        return joined_tokens([part for part in parts if isinstance(part, Tokens)])
    if len(parts) == 1:
        return parts[0]
    arrays = [part for part in parts if isinstance(part, np.ndarray)]
    return stored_if_large(arrays) or np.concatenate(arrays)


def _keys(inputs: Inputs) -> list[bytes]:
    import hashlib

    rows = inputs.sequences() if isinstance(inputs, Tokens) else (inputs[k] for k in range(len(inputs)))
    return [hashlib.sha256(np.ascontiguousarray(row).data).digest() for row in rows]


def _targets(file: ArrayFile, y: np.ndarray, known: Schema | None, source: str) -> tuple[Target, list[Any]]:
    found = file.targets
    target = Target(kind=found.kind, names=found.names, reason=found.reason) if known is None else known.target
    if found.kind == "numbers":
        return target, [tuple(row) for row in y.reshape(len(y), -1).astype(np.float64).tolist()]
    if found.kind == "inputs":
        labels = [found.names[k] if k >= 0 else "" for k in y.tolist()]
        return target, known_numbers(labels, target.names)
    if found.kind == "labels":
        return target, [tuple(np.flatnonzero(row).tolist()) for row in y]
    _, numbers = class_numbers([found.names[k] for k in y.tolist()], found.names, known, source)
    return target, numbers


def _strata(kind: TargetKind, values: list[Any]) -> list[Any] | None:
    if kind == "numbers":
        return None
    return label_strata(values) if kind == "labels" else values


def _demand_fit(source: str, file: ArrayFile, known: Schema) -> None:
    """Check that inputs are those of a model.

    Raises:
        DataError: They are not.
    """
    if file.kind == "tokens":
        fits = (file.vocabulary or 0) <= len(known.vocabulary)
        told = f"ids up to {(file.vocabulary or 1) - 1}", f"ids below {len(known.vocabulary)}"
    else:
        fits = tuple(file.shape) == tuple(known.shape)
        told = f"inputs of shape {tuple(file.shape)}", str(tuple(known.shape))
    if not fits or (known.target.kind in ("numbers", "labels") and len(file.targets.names) != len(known.target.names)):
        raise DataError(f"{source}: has {told[0]}, but the model takes {told[1]}")
