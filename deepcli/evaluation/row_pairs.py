"""Rows of a table before and after an autoencoder, in words and in the units of the data."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from deepcli.data.input_layout import InputLayout
from deepcli.data.schema import Column
from deepcli.evaluation.examples import FARTHEST, LONGEST

MOST = 8
"""Columns that are shown of a row."""


def row_pairs(
    layout: InputLayout, columns: Sequence[Column], rows: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> list[str]:
    """Say for each row what its columns are and what they became, those with the largest errors first.

    Args:
        layout: Which value belongs to which column.
        columns: The columns.
        rows: The values of the rows, which of them are known, and outputs, float32 (rows, values) each.
    """
    return [_row(layout, columns, *each) for each in zip(*rows, strict=True)]


def _row(
    layout: InputLayout, columns: Sequence[Column], values: np.ndarray, known: np.ndarray, outputs: np.ndarray
) -> str:
    pairs = []
    for place, group in groupby(range(layout.width), layout.places.__getitem__):
        mine = list(group)
        if known[mine[0]]:
            error = float(((outputs[mine] - values[mine]) ** 2).sum())
            before, after = (_said(columns[place], one[mine]) for one in (values, outputs))
            pairs.append((error, f"{columns[place].name} {before} → {after}"))
    pairs.sort(key=lambda pair: -pair[0])
    more = f"; and {len(pairs) - MOST} more" if len(pairs) > MOST else ""
    return "; ".join(text for _, text in pairs[:MOST]) + more


def _said(column: Column, values: np.ndarray) -> str:
    if column.type == "category":
        return column.categories[int(values.argmax())][:LONGEST]
    number = float(values[0]) * column.scale + column.mean
    if column.type == "date" and abs(number) < FARTHEST:
        return str(np.datetime64(round(number), "D"))
    return f"{number:.4g}"
