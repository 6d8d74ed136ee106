"""The input layers of tables: numbers standardized, categories as indicators or embeddings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from deepcli.data.schema import Column
from deepcli.data.signature import Signature
from deepcli.models.inputs import noisy
from deepcli.models.regularization import Penalties
from deepcli.spec.registry import Issue

if TYPE_CHECKING:
    import keras

    from deepcli.data.arrays.splits import Split

NUMBERS = ("number", "date")
FEW = 16
"""Most categories of a column that get an indicator each; more get an embedding."""
WIDEST = 50
RARE = 1
"""Rows of the training split up to which a category shares the vector of missing ones, where a column has many. One of its
own would learn these rows by heart."""


def feature_input(
    signature: Signature, regularization: Penalties, bins: int | None = None
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Make the input of a table's rows and encode its columns, in float32.

    Numbers and dates are standardized by the training split's mean and scale. A missing one counts as the mean; in columns
    that lack values in training it also has an indicator of its own. Categories are indicators if they are few, else
    embeddings, where those seen once share the one of missing values; one that training has not seen counts as missing.

    Args:
        signature: The data; its columns hold statistics of the training split.
        regularization: Noise on the encoded columns.
        bins: Most quantile bins into which each number is divided in addition; None for none. `set_bins` sets their edges.

    Returns:
        The input, float32 (batch, columns), and the encoded columns, float32 (batch, width).
    """
    import keras

    from deepcli.nn import table_columns

    inputs = keras.Input(signature.shape, dtype="float32", name="features")
    numbers = _places(signature.columns, NUMBERS)
    parts = []
    if numbers:
        columns = [signature.columns[place] for place in numbers]
        means, scales = [column.mean for column in columns], [column.scale for column in columns]
        standardized = table_columns.StandardizedNumbers(numbers, means, scales, name="standardized")(inputs)
        parts.append(standardized)
        if bins is not None:
            parts.append(table_columns.QuantileBins(bins, name="bins")(standardized))
        if lacking := [place for place in numbers if signature.columns[place].missing]:
            parts.append(table_columns.Missing(lacking, name="missing")(inputs))
    parts += _categories(inputs, signature.columns)
    x = parts[0] if len(parts) == 1 else keras.layers.Concatenate(dtype="float32", name="columns")(parts)
    return inputs, noisy(x, regularization)


def set_bins(model: keras.Model, signature: Signature, train: Split) -> None:
    """Set the quantile bins of a model that `feature_input` made with them.

    Args:
        model: The model.
        signature: The data.
        train: The training split, with inputs float32 (examples, columns).
    """
    import numpy as np

    from deepcli.data.arrays.column_groups import columns_of
    from deepcli.data.arrays.splits import Tokens

    rows = train.x
    assert not isinstance(rows, Tokens)
    numbers = _places(signature.columns, NUMBERS)
    if not numbers:
        return
    columns = [signature.columns[place] for place in numbers]
    means, scales = (np.array([getattr(column, name) for column in columns]) for name in ("mean", "scale"))
    found = zip(columns_of(rows, numbers), means, scales, strict=True)
    model.get_layer("bins").set_quantiles((values - mean) / scale for values, mean, scale in found)


def check_columns(signature: Signature) -> Iterator[Issue]:
    """Yield the columns that are neither numbers nor categories."""
    for column in signature.columns:
        if column.type not in (*NUMBERS, "category"):
            yield (
                (),
                f"takes numbers and categories; the column {column.name!r} holds {column.type}s; leave it out of the "
                "inputs, or make it the only one",
            )


def embedding_width(categories: int) -> int:
    """Return the length of the vectors for a number of categories (the rule of fastai)."""
    width: float = 1.6 * categories**0.56
    return min(WIDEST, round(width))


def encoded_width(columns: Sequence[Column]) -> int:
    """Return the width of the vector that `feature_input` makes of the columns without bins."""
    width = 0
    for column in columns:
        known = len(column.categories)
        if column.type != "category":
            width += 2 if column.missing else 1
        else:
            width += (known + (column.missing > 0)) if known <= FEW else _column_width(column)
    return width


def _categories(inputs: keras.KerasTensor, columns: Sequence[Column]) -> Iterator[keras.KerasTensor]:
    """Encode categories: one layer for all that are indicators, and one for all embeddings of a width."""
    from deepcli.nn import table_columns

    places = _places(columns, ("category",))
    outputs = [
        (place, code)
        for place in places
        if (size := len(columns[place].categories)) <= FEW
        for code in range(0 if columns[place].missing else 1, size + 1)
    ]
    if outputs:
        sizes = [len(columns[place].categories) for place, _ in outputs]
        where, codes = zip(*outputs, strict=True)
        yield table_columns.CodeIndicators(where, codes, sizes, name="categories")(inputs)

    def width(place: int) -> int:
        return _column_width(columns[place])

    many = sorted((place for place in places if len(columns[place].categories) > FEW), key=width)
    for size, grouped in groupby(many, width):
        group = list(grouped)
        yield table_columns.CodeEmbeddings(
            group,
            [len(columns[place].categories) for place in group],
            [columns[place].missing > 0 or len(_rare(columns[place])) > 0 for place in group],
            size,
            [_rare(columns[place]) for place in group],
            name=f"embeddings_{size}",
        )(inputs)


def _rare(column: Column) -> list[int]:
    """Return the codes of categories that are too rare for a vector of their own."""
    return [code for code, count in enumerate(column.frequencies, 1) if count <= RARE]


def _column_width(column: Column) -> int:
    return embedding_width(max(1, len(column.categories) - len(_rare(column))))


def _places(columns: Sequence[Column], types: tuple[str, ...]) -> list[int]:
    return [place for place, column in enumerate(columns) if column.type in types]
