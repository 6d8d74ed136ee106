"""A table with every type of column, small enough to train on in a test."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from deepcli.data import DATASETS
from deepcli.data.arrays.splits import Provenance, Split, Splits
from deepcli.data.base import Dataset
from deepcli.data.schema import Column
from deepcli.data.signature import Signature

from .tiny_pairs import TinyPairs
from .tiny_series import TinySeries
from .tiny_text import TinyText

COLUMNS = (
    Column(name="age", type="number", mean=40.0, scale=12.0),
    Column(name="income", type="number", mean=3e4, scale=2e4, missing=3),
    Column(name="day", type="date", mean=19_000.0, scale=300.0),
    Column(name="kind", type="category", categories=("a", "b", "c"), missing=1),
    Column(name="town", type="category", categories=tuple(map(str, range(40)))),
)
FEATURES = Signature("features", (5,), classes=3, examples=24, columns=COLUMNS)


class TinyTable(Dataset):
    """A table whose class depends on its category."""

    type: Literal["tiny_table"] = "tiny_table"
    augmentation: None = None

    @property
    def signature(self) -> Signature:
        return FEATURES

    def read(self, sources: Any) -> Any:
        raise NotImplementedError

    def load(self, sources: Any) -> Splits:
        train, validation, test = (table_split(count, seed) for seed, count in enumerate((48, 24, 24)))
        splits = Splits(train, validation, test, Provenance("nowhere", True, "0" * 64, "0" * 64))
        return splits.of_inputs(True) if self._reads == "inputs" else splits


TinyTable.__module__ = "deepcli.data.tiny_table"  # compiled models with components from elsewhere are not reused


def table_split(count: int, seed: int = 0) -> Split:
    """Make rows with every code, and with missing numbers where training has them."""
    rng = np.random.RandomState(seed)
    x = np.empty((count, len(COLUMNS)), np.float32)
    for place, column in enumerate(COLUMNS):
        if column.type == "category":
            x[:, place] = np.arange(count) % (len(column.categories) + 1)
        else:
            x[:, place] = rng.normal(column.mean, column.scale, count)
            x[: column.missing, place] = np.nan
    return Split(x, (np.arange(count) % 3).astype(np.int32), np.arange(count))


@contextlib.contextmanager
def registered() -> Iterator[None]:
    """Let specs name the table, and the text, the series and the pairs of the modules beside, inside the block."""
    own: dict[str, Any] = {
        "tiny_table": TinyTable,
        "tiny_text": TinyText,
        "tiny_series": TinySeries,
        "tiny_pairs": TinyPairs,
    }
    DATASETS._classes |= own
    try:
        yield
    finally:
        for name in own:
            del DATASETS._classes[name]
