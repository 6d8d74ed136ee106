"""Inputs as they are saved beside mistakes for reports: pixels, words, or the columns of a row of a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepcli.data.arrays.splits import Inputs, Tokens
from deepcli.data.lexicon import Lexicon
from deepcli.data.schema import Column

MOST = 24
"""Number of the worst mistakes that are saved, whatever their class."""
EACH = 3
"""Number of mistakes of each class or label that are saved if there is room."""
MOST_SAVED = 100
"""Number of mistakes that are saved in all."""
MOST_PIXELS = 16 << 20
"""Bytes of images up to which more than the worst mistakes of all are saved."""
WORDS = 80
"""Number of words saved from the end of a text."""
LONGEST = 100
"""Number of characters saved of a category's name."""
FARTHEST = 4_000_000
"""Days from 1970 within which a number is written as a date."""
STEPS = 120
"""Number of values saved of a series, over all columns."""
COLUMNS = 30
"""Number of columns saved of a row of a table."""


def choose(count: int, groups: Sequence[np.ndarray], x: Inputs) -> np.ndarray:
    """Choose the worst mistakes of all, then the worst of each class or label, as far as there is room.

    Args:
        count: The number of mistakes, which are ranked: 0 is the worst.
        groups: The ranks of the mistakes of each class or label, in order.
        x: All examples, whose size limits how many are saved.

    Returns:
        Ranks in order, int (chosen,).
    """
    size = 1 if isinstance(x, Tokens) or x.ndim == 2 else x.dtype.itemsize * int(np.prod(x.shape[1:]))
    most = max(MOST, min(MOST_SAVED, MOST_PIXELS // max(size, 1)))
    chosen = dict.fromkeys(range(min(count, MOST)))
    for place in range(EACH):
        for rank in sorted(int(ranks[place]) for ranks in groups if len(ranks) > place):
            if len(chosen) < most:
                chosen[rank] = None
    return np.array(sorted(chosen), np.int64)


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
    if not isinstance(picked, Tokens) and picked.ndim == 3:
        return np.zeros((0, 1, 1, 1), np.uint8), np.array(
            [_series(values, columns) for values in picked], dtype=np.str_
        )
    if not isinstance(picked, Tokens) and picked.ndim != 2:
        return np.asarray(picked), np.zeros(0, "U1")
    if isinstance(picked, Tokens):
        texts = [(lexicon or Lexicon(())).spell(picked.sequence(k)[-WORDS:].tolist()) for k in range(len(picked))]
    else:
        texts = [_row(values, columns) for values in picked.tolist()]
    return np.zeros((0, 1, 1, 1), np.uint8), np.array(texts, dtype=np.str_) if texts else np.zeros(0, "U1")


def _series(values: np.ndarray, columns: Sequence[Column]) -> str:
    """Write the steps of each column of a series, (steps, columns), without those behind its end."""
    steps = values[~np.isnan(values[:, 0])]
    names = [column.name for column in columns] or [f"column_{k + 1}" for k in range(steps.shape[1])]
    most = max(STEPS // min(len(names), COLUMNS), 8)
    rest = f" and {len(steps) - most} more" if len(steps) > most else ""
    written = [
        f"{name}: {' '.join(f'{value:.3g}' for value in steps[:most, k])}{rest}"
        for k, name in enumerate(names[:COLUMNS])
    ]
    return "; ".join(written)


def are_shown(images: np.ndarray, texts: np.ndarray, *facts: np.ndarray) -> bool:
    """Return whether arrays of a file can be examples that were saved: of equal length, images of pixels or texts."""
    if images.ndim != 4 or texts.ndim != 1 or any(array.ndim == 0 for array in facts):
        return False
    count = max(len(images), len(texts))
    pixels = images.dtype == np.uint8 and (not len(images) or (images.shape[-1] in (1, 3, 4) and 0 not in images.shape))
    return (
        count <= MOST_SAVED
        and pixels
        and {len(array) for array in facts} <= {count}
        and not (len(images) and len(texts))
    )


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
