"""Inputs as they are saved beside mistakes for reports: pixels, words, or the columns of a row of a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepcli.data.arrays.splits import Inputs, Tokens
from deepcli.data.lexicon import Lexicon
from deepcli.data.schema import Column

MOST = 24
"""Number of mistakes that are saved."""
WORDS = 80
"""Number of words saved from the end of a text."""
LONGEST = 100
"""Number of characters saved of a category's name."""
FARTHEST = 4_000_000
"""Days from 1970 within which a number is written as a date."""
COLUMNS = 30
"""Number of columns saved of a row of a table."""


def shown_examples(
    x: Inputs, chosen: np.ndarray, lexicon: Lexicon | None, columns: Sequence[Column] = ()
) -> tuple[np.ndarray, np.ndarray]:
    """Return some examples as images, uint8 (chosen, height, width, channels), and as texts; one of the two is empty.

    Args:
        x: All examples.
        chosen: The places of those to return.
        lexicon: The words of token ids; None returns ids.
        columns: The columns of `x` if it is a table.
    """
    picked = x[chosen]
    if not isinstance(picked, Tokens) and picked.ndim != 2:
        return np.asarray(picked), np.zeros(0, "U1")
    if isinstance(picked, Tokens):
        texts = [(lexicon or Lexicon(())).spell(picked.sequence(k)[-WORDS:].tolist()) for k in range(len(picked))]
    else:
        texts = [_row(values, columns) for values in picked.tolist()]
    return np.zeros((0, 1, 1, 1), np.uint8), np.array(texts, dtype=np.str_) if texts else np.zeros(0, "U1")


def _row(values: list[float], columns: Sequence[Column]) -> str:
    named = [f"{column.name} {_value(value, column)}" for value, column in zip(values, columns, strict=False)]
    cells = named or [f"{value:.6g}" for value in values]
    more = f"; and {len(cells) - COLUMNS} more" if len(cells) > COLUMNS else ""
    return "; ".join(cells[:COLUMNS]) + more


def _value(value: float, column: Column) -> str:
    """Write a value of a column: a category by its name, a date as one, a number briefly."""
    if np.isnan(value):
        return "missing"
    if column.type == "category":
        code = int(value)
        known = 0 < code <= len(column.categories)
        return column.categories[code - 1][:LONGEST] if known else "missing or unknown"
    if column.type == "date" and abs(value) < FARTHEST:
        text = str(np.datetime64(round(value * 86_400), "s"))
        return text.removesuffix("T00:00:00")
    return f"{value:.6g}"
