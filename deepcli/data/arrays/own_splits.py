"""Puts own data into splits: targets as arrays, and each split's examples limited in proportion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deepcli.data.arrays.splits import Inputs, Provenance, Split, Splits, generator, limited, select, stored
from deepcli.data.lexicon import Lexicon
from deepcli.data.schema import Schema, Target

if TYPE_CHECKING:
    from deepcli.data.sources.gathered import Gathered


def make_splits(
    gathered: Gathered,
    schema: Schema,
    splits: Sequence[str],
    x: Inputs,
    limit: int | None,
    targets: np.ndarray | None = None,
) -> Splits:
    """Return the three splits of own data.

    Args:
        gathered: The examples.
        schema: What they hold.
        splits: The split of each example.
        x: The inputs of all examples.
        limit: Maximum number of examples in a split.
        targets: The targets of all examples as models take them; None: made of the values.
    """
    x, y = stored(x), encode_targets(gathered.target, gathered.values) if targets is None else targets
    names = np.asarray(splits)
    made: dict[str, Split | None] = {}
    for number, name in enumerate(("train", "validation", "test")):
        ids = np.flatnonzero(names == name)
        kept = limited(y, ids, limit, generator(0x0511, number)) if len(ids) else ids
        made[name] = select(x, y, kept) if len(ids) or name != "validation" else None
    train, validation, test = made["train"], made["validation"], made["test"]
    assert train is not None and test is not None
    mark = gathered.fingerprint
    words = schema.vocabulary
    return Splits(
        train,
        validation,
        test,
        Provenance(gathered.source, True, mark, mark),
        Words(Lexicon(words)) if words else Words(None),
        gathered.findings,
    )


class Words:
    """Returns the words of own texts; splits may be pickled.

    Args:
        lexicon: The words; None for data without words.
    """

    def __init__(self, lexicon: Lexicon | None) -> None:
        self._lexicon = lexicon

    def __call__(self) -> Lexicon | None:
        """Return the words."""
        return self._lexicon


def encode_targets(target: Target, values: Sequence[Any]) -> np.ndarray:
    """Return targets as models take them.

    Returns:
        int32 (examples,) for classes and levels, uint8 (examples, labels), or float32 (examples, numbers).
    """
    if target.kind == "numbers":
        return np.asarray(values, np.float64).reshape(len(values), len(target.names)).astype(np.float32)
    if target.kind == "labels":
        labels = np.zeros((len(values), len(target.names)), np.uint8)
        for row, numbers in enumerate(values):
            labels[row, list(numbers)] = 1
        return labels
    return np.asarray(values, np.int32)
