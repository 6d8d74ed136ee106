"""Layers for the columns of a table: numbers, what is missing, and categories.

They take float32 rows (batch, columns), as a table gives them: a number with NaN for a missing one, a category as its
code. They compute in float32, because bfloat16 has no room for a code above 256 or for a longitude.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

LIMIT = 10.0
"""Standardized numbers are clipped to this many standard deviations; an infinite one becomes the limit."""
UNUSED = 1e30
"""Edge of a bin that does not exist: no standardized number reaches it."""

register = keras.saving.register_keras_serializable("deepcli")


class OfColumns(keras.layers.Layer):
    """A layer that reads some columns of a table, in float32 whatever the dtype policy.

    Args:
        columns: Positions of the columns.
    """

    def __init__(self, columns: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.columns = list(columns)

    def chosen(self, x: Any) -> Any:
        """Return the columns, (batch, columns chosen)."""
        return ops.take(x, np.array(self.columns, np.int32), axis=1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "columns": self.columns}


@register
class StandardizedNumbers(OfColumns):
    """Numbers less their mean, divided by their scale, and clipped; a missing number counts as the mean.

    Args:
        columns: Positions of the columns.
        means: Mean of each.
        scales: Scale of each.

    Shapes:
        (batch, columns of the table) to (batch, columns chosen).
    """

    def __init__(self, columns: Sequence[int], means: Sequence[float], scales: Sequence[float], **kwargs: Any) -> None:
        super().__init__(columns, **kwargs)
        self.means, self.scales = list(means), list(scales)

    def call(self, x: Any) -> Any:
        x = self.chosen(x)
        # The mean is put in first: NaN would survive `clip`, and arithmetic with it is not the same in every runtime.
        means = np.array(self.means, np.float32)
        x = ops.where(ops.isnan(x), means, x)
        return ops.clip((x - means) / np.array(self.scales, np.float32), -LIMIT, LIMIT)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (shape[0], len(self.columns))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "means": self.means, "scales": self.scales}


@register
class Missing(OfColumns):
    """Marks missing numbers with 1, others with 0: (batch, columns of the table) to (batch, columns chosen)."""

    def call(self, x: Any) -> Any:
        return ops.cast(ops.isnan(self.chosen(x)), "float32")

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (shape[0], len(self.columns))


@register
class QuantileBins(keras.layers.Layer):
    """Piecewise linear encoding of standardized numbers.

    The range of each number is cut at its quantiles in the training split. A number becomes one value for each bin: 1 if it
    is above the bin, 0 if it is below, and how far it is through the bin if it is inside. A dense layer on top learns a
    piecewise linear function of each number, as fine where there are many examples as where there are few.

    Source: Gorishniy, Rubachev & Babenko (2022), "On embeddings for numerical features in tabular deep learning".

    Args:
        bins: Most bins of a number; one with fewer different values has fewer, and the others are always 0.

    Shapes:
        (batch, numbers) to (batch, numbers * bins).
    """

    def __init__(self, bins: int, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.bins = bins

    def build(self, shape: tuple[int | None, ...]) -> None:
        initializer = keras.initializers.Constant(UNUSED)
        self.lows, self.widths = (
            self.add_weight(shape=(shape[-1], self.bins), initializer=initializer, trainable=False, name=name)
            for name in ("lows", "widths")
        )

    def set_quantiles(self, columns: Iterable[np.ndarray]) -> None:
        """Set the edges of the bins.

        Args:
            columns: Standardized numbers of the training split, (examples,) for each number, with NaN for missing ones.
        """
        shape = tuple(self.lows.shape)
        lows, widths = np.full(shape, UNUSED, np.float32), np.full(shape, UNUSED, np.float32)
        for number, column in enumerate(columns):
            edges = quantiles(column[np.isfinite(column)], self.bins)
            lows[number, : len(edges) - 1] = edges[:-1]
            widths[number, : len(edges) - 1] = np.diff(edges)
        self.lows.assign(lows)
        self.widths.assign(widths)

    def call(self, x: Any) -> Any:
        through = (x[:, :, None] - self.lows) / self.widths
        return ops.reshape(ops.clip(through, 0.0, 1.0), (-1, self.lows.shape[0] * self.bins))

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (shape[0], (shape[1] or 0) * self.bins)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "bins": self.bins}


def quantiles(values: np.ndarray, bins: int) -> np.ndarray:
    """Return the edges of at most `bins` bins with equally many values, float32, without repetition; none for no values."""
    if not len(values):
        return np.zeros(1, np.float32)
    # Edges are values of the data, so that a number with two values has one bin, and not a bin for each quantile between.
    edges = np.quantile(values, np.linspace(0, 1, bins + 1), method="inverted_cdf")
    unique: np.ndarray = np.unique(edges.astype(np.float32))
    return unique


@register
class CodeIndicators(OfColumns):
    """Categories as one value for each code: 1 if the category has that code, else 0; an unknown code has only zeros.

    Args:
        columns: Position of the column of each output.
        codes: The code that each output stands for. Code 0 also stands for anything that is not a code: NaN, or a code
            above the last one.
        sizes: Number of categories in the column of each output; its codes are 0 to this number.

    Shapes:
        (batch, columns of the table) to (batch, outputs).
    """

    def __init__(self, columns: Sequence[int], codes: Sequence[int], sizes: Sequence[int], **kwargs: Any) -> None:
        super().__init__(columns, **kwargs)
        self.codes, self.sizes = list(codes), list(sizes)

    def call(self, x: Any) -> Any:
        codes = _known(self.chosen(x), self.sizes)
        return ops.cast(ops.equal(codes, np.array(self.codes, np.float32)), "float32")

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (shape[0], len(self.columns))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "codes": self.codes, "sizes": self.sizes}


@register
class CodeEmbeddings(OfColumns):
    """A trained vector for each category of several columns, all of one width and in one table.

    Args:
        columns: Positions of the columns.
        sizes: Number of categories of each column; its codes are 0 to this number.
        known_missing: Whether code 0 occurs in the training split of each column. Where it does not, its vector would stay
            at its random start; it is zero instead.
        width: Length of the vectors.
        shared: Codes of each column, in order, that have no vector of their own but that of code 0; None for none.

    Shapes:
        (batch, columns of the table) to (batch, columns chosen * width).

    Attributes:
        takes_codes: Tells `deepcli sanity` that its inputs are codes, which have no range.
    """

    takes_codes = True

    def __init__(
        self,
        columns: Sequence[int],
        sizes: Sequence[int],
        known_missing: Sequence[bool],
        width: int,
        shared: Sequence[Sequence[int]] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(columns, **kwargs)
        self.sizes, self.known_missing, self.width = list(sizes), list(known_missing), width
        self.shared = [list(codes) for codes in shared] if shared is not None else [[] for _ in self.sizes]
        self._own = [_own_codes(size, codes) for size, codes in zip(self.sizes, self.shared, strict=True)]

    def build(self, shape: tuple[int | None, ...]) -> None:
        rows = sum(int(own.max()) + 1 for own in self._own)
        # Vectors take the place of one-hot inputs, whose dense kernels are of about this size.
        self.table = self.add_weight(
            shape=(rows, self.width), initializer=keras.initializers.RandomUniform(-0.5, 0.5), name="table"
        )

    def call(self, x: Any) -> Any:
        codes = _known(self.chosen(x), self.sizes)
        starts = _starts(self.sizes)
        rows = ops.cast(codes, "int32") + starts
        if any(self.shared):
            firsts = _starts([int(own.max()) for own in self._own])
            places = np.concatenate([own + first for own, first in zip(self._own, firsts, strict=True)])
            rows = ops.take(places.astype(np.int32), rows, axis=0)
            codes = ops.cast(rows - firsts, "float32")
        vectors = ops.take(self.table, rows, axis=0)
        learned = ops.logical_or(ops.greater(codes, 0.0), np.array(self.known_missing))
        vectors = vectors * ops.cast(learned, "float32")[:, :, None]
        return ops.reshape(vectors, (-1, len(self.columns) * self.width))

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (shape[0], len(self.columns) * self.width)

    def get_config(self) -> dict[str, Any]:
        own = {"sizes": self.sizes, "known_missing": self.known_missing, "width": self.width, "shared": self.shared}
        return {**super().get_config(), **own}


def _own_codes(size: int, shared: Sequence[int]) -> np.ndarray:
    """Count the codes 0 to `size` anew, with those that are shared as 0."""
    kept = np.ones(size + 1, bool)
    kept[[0, *shared]] = False
    return np.where(kept, np.cumsum(kept), 0).astype(np.int32)


def _starts(sizes: Sequence[int]) -> np.ndarray:
    """Return where the codes of each column start, if those of all columns are counted on: int32 (columns,)."""
    return np.cumsum([0, *(size + 1 for size in sizes[:-1])]).astype(np.int32)


def _known(codes: Any, sizes: Sequence[int]) -> Any:
    """Replace what is not a code of its column by 0; comparisons with NaN are false."""
    largest = np.array(sizes, np.float32)
    fits = ops.logical_and(ops.greater_equal(codes, 0.0), ops.less_equal(codes, largest))
    return ops.where(fits, codes, ops.zeros_like(codes))
