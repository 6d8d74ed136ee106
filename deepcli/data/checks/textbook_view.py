"""Textbook data sets, and those of plugins, as checks see them: arrays in three splits."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from deepcli.data.base import SPLITS, BaseDataset
from deepcli.data.checks.view import DataView
from deepcli.data.files import Sources

if TYPE_CHECKING:
    import numpy as np

    from deepcli.data.arrays.splits import Inputs, Split


def textbook_view(dataset: BaseDataset, sources: Sources) -> DataView:
    """Read a data set that is defined by arrays.

    Raises:
        DataError: Its files are not available, or are damaged.
    """
    splits = dataset.load(sources)
    parts = [(name, part) for name in SPLITS if (part := getattr(splits, name)) is not None and len(part)]
    schema = dataset.data_schema
    inputs = joined([part.x for _, part in parts])
    named: dict[str, Any] = {{"image": "images", "tokens": "ids", "features": "rows"}[schema.kind]: inputs}
    held = getattr(dataset, "validation_split", 0)
    return DataView(
        source=str(splits.provenance.source),
        type=dataset.type,
        kind=schema.kind,
        shape=schema.shape,
        target=schema.target,
        values=_values([part.y for _, part in parts], schema.target.kind),
        splits=[name for name, part in parts for _ in range(len(part))],
        division=f"test is given; validation is {held:.0%} of the training split" if held else "test is given",
        keys=() if schema.kind == "image" else content_keys(inputs),
        where=functools.partial(_place, parts),
        schema=schema,
        **named,
    )


def _values(parts: Sequence[np.ndarray], kind: str) -> list[Any]:
    import numpy as np

    y = np.concatenate(parts)
    if kind == "numbers":
        return [tuple(row) for row in y.reshape(len(y), -1).tolist()]
    if kind == "labels":
        return [tuple(np.flatnonzero(row).tolist()) for row in y]
    found: list[Any] = y.tolist()
    return found


def _place(parts: Sequence[tuple[str, Split]], place: int) -> str:
    """Return the split and the number of an example in the published split that it is from, counted from 0."""
    for name, part in parts:
        if place < len(part):
            return published_place(name, int(part.ids[place]))
        place -= len(part)
    raise IndexError(place)


def published_place(split: str, number: int) -> str:
    """Return where an example is in the published files; validation is taken from their training split."""
    return f"{'test' if split == 'test' else 'train'}[{number}]"


def joined(parts: Sequence[Inputs]) -> Inputs:
    """Put the inputs of several splits one after another."""
    import numpy as np

    from deepcli.data.arrays.splits import Tokens
    from deepcli.data.arrays.stored_rows import StoredRows
    from deepcli.data.arrays.token_sequences import joined_tokens

    if isinstance(parts[0], Tokens):
        return joined_tokens([part for part in parts if isinstance(part, Tokens)])
    arrays = [part for part in parts if not isinstance(part, Tokens)]
    if any(isinstance(part, StoredRows) for part in arrays):
        return StoredRows.joined(arrays)
    return np.concatenate([np.asarray(part) for part in arrays])


def content_keys(inputs: Inputs) -> list[bytes]:
    """Return a key for each example that is the same for equal inputs."""
    import hashlib

    import numpy as np

    from deepcli.data.arrays.splits import Tokens

    rows = inputs.sequences() if isinstance(inputs, Tokens) else (inputs[k] for k in range(len(inputs)))
    return [hashlib.sha256(np.ascontiguousarray(row).data).digest() for row in rows]
