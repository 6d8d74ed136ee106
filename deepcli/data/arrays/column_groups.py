"""Goes through the columns of rows that may be larger than memory, in groups, each of which is read once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from deepcli.data.arrays.stored_rows import StoredRows

GROUP_BYTES = 256 << 20
PIECE_BYTES = 16 << 20


def columns_of(
    x: np.ndarray | StoredRows, columns: Sequence[int], rows: np.ndarray | None = None
) -> Iterator[np.ndarray]:
    """Yield some columns of rows one after another, each (rows,) in the type of the values.

    Args:
        x: The rows, (examples, columns); in memory, mapped into it, or in files.
        columns: The places of the columns.
        rows: The places of the rows, int64; None for all.
    """
    count = len(x) if rows is None else len(rows)
    many = max(1, GROUP_BYTES // max(count * x.dtype.itemsize, 1))
    for start in range(0, len(columns), many):
        yield from _group(x, list(columns[start : start + many]), np.arange(count) if rows is None else rows)


def _group(x: np.ndarray | StoredRows, columns: list[int], rows: np.ndarray) -> np.ndarray:
    found = np.empty((len(columns), len(rows)), x.dtype)
    step = max(1, PIECE_BYTES // max(x.shape[1] * x.dtype.itemsize, 1))
    for start in range(0, len(rows), step):
        found[:, start : start + step] = x[rows[start : start + step]][:, columns].T
    return found
